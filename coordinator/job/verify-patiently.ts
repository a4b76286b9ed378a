import { sleep } from "../../shared/core/abort.ts";
import type { TimedClock } from "../../shared/core/clock.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import type { Location } from "../../shared/domain/location.ts";
import { isPlaceError } from "../../shared/storage/errors.ts";
import { asOutputFailed } from "../publish/output-failed.ts";

/** As long as people take to mend a line or renew credentials. Whoever offered a partial waits for it. */
const PATIENCE_MS = 600_000;
/** Each check has asked the store several times by itself. */
const AGAIN_MS = 5_000;

interface Patience {
  /** Where the partials are. */
  readonly partials: Location;
  readonly clock: TimedClock;
  readonly signal: AbortSignal;
  /**
   * Whether this coordinator can read what it put there itself: then a partial that it may not read is no
   * matter of the line or of its credentials. Left out: it is not looked at.
   */
  readonly readsOwn?: () => Promise<boolean>;
}

/**
 * Verifies a partial, again and again while its storage cannot be asked: that is no fault of the partial's.
 *
 * @throws {OUTPUT_FAILED} when that lasts for ten minutes; what `verify` throws else
 * @throws {PARTIAL_INVALID} when it is this partial alone that may not be read: another worker's may be
 */
export async function verifyPatiently(
  verify: () => Promise<void>,
  { partials, clock, signal, readsOwn = async () => false }: Patience,
): Promise<void> {
  const startMs = clock.nowMs();
  const what = "partials cannot be verified";
  const hint = "mend the line to the store or its credentials, then run the job again: it resumes";
  await asOutputFailed({ path: partials, what, hint }, async () => {
    for (;;) {
      try {
        return await verify();
      } catch (error) {
        if (!isPlaceError(error) || clock.nowMs() - startMs >= PATIENCE_MS) throw error;
        if (isShardmillError(error, "STORE_REFUSED") && (await readsOwn())) throw notReadable(error);
        await sleep(AGAIN_MS, signal, clock);
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
