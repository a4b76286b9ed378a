import { sleep } from "../../shared/core/abort.ts";
import { systemClock, type TimedClock } from "../../shared/core/clock.ts";
import { type ErrorCode, isShardmillError } from "../../shared/core/errors.ts";
import type { Store } from "../../shared/store/store.ts";

/**
 * What a coordinator is the cause of that is gone for a while, or has just come back and not taken the job up
 * yet.
 */
const PASSING: ReadonlySet<ErrorCode> = new Set(["SESSION_STALE", "JOB_NOT_FOUND"]);
const PASSING_BECAUSE: ReadonlySet<unknown> = new Set<ErrorCode>([
  "COORDINATOR_UNREACHABLE",
  "DEADLINE_EXCEEDED",
]);

/** How soon it is asked again: a coordinator that came back should be found within a second. */
const AGAIN_MS = 300;

/** As long as a worker waits for its coordinator, by default. */
const PATIENCE_MS = 60_000;

/**
 * A store behind a coordinator that may die and come back: what fails only for that is asked again, so that a
 * shard which is half done need not begin anew. Who has lost the shard meanwhile aborts. Each call is safe to
 * repeat: see `Store`.
 */
export function patientStore(store: Store, clock: TimedClock = systemClock): Store {
  const persist = async <T>(call: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
    const startMs = clock.nowMs();
    for (;;) {
      try {
        return await call();
      } catch (error) {
        if (!isPassing(error) || clock.nowMs() - startMs > PATIENCE_MS) throw error;
        await sleep(AGAIN_MS, signal, clock);
      }
    }
  };
  return {
    stat: (path, signal) => persist(() => store.stat(path, signal), signal),
    readRange: (path, start, end, signal) => persist(() => store.readRange(path, start, end, signal), signal),
    putOnce: (path, localPath, signal) => persist(() => store.putOnce(path, localPath, signal), signal),
  };
}

function isPassing(error: unknown): boolean {
  if (!isShardmillError(error)) return false;
  return (
    PASSING.has(error.code) || (error.code === "STORE_FAILED" && PASSING_BECAUSE.has(error.fields.because))
  );
}
