import { sleep } from "../../shared/core/abort.ts";
import { systemClock, type TimedClock } from "../../shared/core/clock.ts";
import { ERROR_CODES, isErrorCode } from "../../shared/core/error-codes.ts";
import { isShardmillError } from "../../shared/core/errors.ts";
import type { Store } from "../../shared/store/store.ts";

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

/** What a coordinator is the cause of that is gone for a while, or has just come back. */
function isPassing(error: unknown): boolean {
  if (!isShardmillError(error)) return false;
  const { because } = error.fields;
  return isPassingCode(error.code === "STORE_FAILED" ? because : error.code);
}

function isPassingCode(code: unknown): boolean {
  return isErrorCode(code) && ERROR_CODES[code].call !== "final";
}
