import { sleepBy } from "../../shared/core/abort.ts";
import type { TimedClock } from "../../shared/core/clock.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import type { Location } from "../../shared/domain/location.ts";
import { isPlaceError } from "../../shared/storage/errors.ts";
import { asOutputFailed } from "../publish/output-failed.ts";

/** Interval between two checks. Each check already retries its store requests several times. */
const AGAIN_MS = 5_000;

interface Patience {
  /** Folder of the partials. */
  readonly partials: Location;
  readonly clock: TimedClock;
  readonly signal: AbortSignal;
  /** Longest wait, see `ScheduleConfig.storeGraceMs`. The worker that offered the partial waits as long. */
  readonly graceMs: number;
  /** Called with the storage's error before each retry, and with null once the storage answers again. */
  readonly onWait?: (error: ShardmillError | null) => void;
  /**
   * Checks whether this coordinator can read a file that it wrote itself. If so, a partial that it may not
   * read has wrong permissions, and neither network nor credentials are at fault. Default: no check.
   */
  readonly readsOwn?: () => Promise<boolean>;
}

/**
 * Verifies a partial, and retries while its storage is unavailable, which is not the partial's fault.
 *
 * @throws {OUTPUT_FAILED} when the storage is unavailable for longer than the grace
 * @throws {PARTIAL_INVALID} when this coordinator may not read this one partial. Another worker's may be
 * readable.
 * @throws what `verify` throws otherwise
 */
export async function verifyPatiently(
  verify: () => Promise<void>,
  { partials, clock, signal, graceMs, onWait, readsOwn = async () => false }: Patience,
): Promise<void> {
  const startMs = clock.nowMs();
  const what = "partials cannot be verified";
  const hint = "repair the connection to the store or its credentials, then run the job again: it resumes";
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
  const message = `the coordinator may not read what the worker stored, but may read what it stored there itself: ${cause.message}`;
  return new ShardmillError("PARTIAL_INVALID", message, {
    fields: cause.fields,
    cause,
    hint: "let the worker store objects that the coordinator may read (check their owner, key and ACL), or start it with --data coordinator",
  });
}
