import { sleepBy } from "../../shared/core/abort.ts";
import type { TimedClock } from "../../shared/core/clock.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import type { Location } from "../../shared/domain/location.ts";
import { isPlaceError } from "../../shared/storage/errors.ts";
import { asOutputFailed } from "../publish/output-failed.ts";

/** Each check has asked the store several times by itself. */
const AGAIN_MS = 5_000;

interface Patience {
  /** Where the partials are. */
  readonly partials: Location;
  readonly clock: TimedClock;
  readonly signal: AbortSignal;
  /** Longest wait, see `ScheduleConfig.storeGraceMs`. The worker that offered the partial waits as well. */
  readonly graceMs: number;
  /** The storage failed so, and is asked again; null: it answers again. */
  readonly onWait?: (error: ShardmillError | null) => void;
  /**
   * Whether this coordinator can read what it put there itself: then a partial that it may not read is no
   * matter of the line or of its credentials. Left out: it is not looked at.
   */
  readonly readsOwn?: () => Promise<boolean>;
}

/**
 * Verifies a partial, again and again while its storage cannot be asked: that is no fault of the partial's.
 *
 * @throws {OUTPUT_FAILED} when that lasts for longer than the grace; what `verify` throws else
 * @throws {PARTIAL_INVALID} when it is this partial alone that may not be read: another worker's may be
 */
export async function verifyPatiently(
  verify: () => Promise<void>,
  { partials, clock, signal, graceMs, onWait, readsOwn = async () => false }: Patience,
): Promise<void> {
  const startMs = clock.nowMs();
  const what = "partials cannot be verified";
  const hint = "mend the line to the store or its credentials, then run the job again: it resumes";
  await asOutputFailed({ path: partials, what, hint }, async () => {
    for (;;) {
      try {
        await verify();
        onWait?.(null);
        return;
      } catch (error) {
        if (!isPlaceError(error) || clock.nowMs() - startMs >= graceMs) throw error;
        if (isShardmillError(error, "STORE_REFUSED") && (await readsOwn())) throw notReadable(error);
        if (isShardmillError(error)) onWait?.(error);
        await sleepBy(clock, AGAIN_MS, signal);
      }
    }
  });
}

function notReadable(cause: ShardmillError): ShardmillError {
  const message = `the coordinator may not read what the worker put, and may read what it put there itself: ${cause.message}`;
  return new ShardmillError("PARTIAL_INVALID", message, {
    fields: cause.fields,
    cause,
    hint: "let the worker put objects that the coordinator may read (their owner, their key, their ACL), or start it with --data coordinator",
  });
}
