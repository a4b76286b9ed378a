import { NEVER } from "../core/abort.ts";
import { systemClock, type TimedClock } from "../core/clock.ts";
import { ERROR_CODES, isErrorCode } from "../core/error-codes.ts";
import { isShardmillError } from "../core/errors.ts";
import { retry } from "../core/retry.ts";
import type { Storage } from "./storage.ts";

/** Interval of retries: a restarted coordinator should be found within a second. */
const AGAIN_MS = 300;

/** Limit of retries: a worker's default wait for its coordinator. */
const PATIENCE_MS = 60_000;

/**
 * Wraps a storage behind a coordinator that may restart. Retries failures of the connection, so that a
 * half-done shard continues. A worker that has lost the shard meanwhile aborts. Each call is safe to repeat:
 * see `Storage`.
 */
export function patientStorage(storage: Storage, clock: TimedClock = systemClock): Storage {
  const persist = <T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> => {
    const endMs = clock.nowMs() + PATIENCE_MS;
    const pauseMs = (error: unknown) => (isPassing(error) && clock.nowMs() <= endMs ? AGAIN_MS : null);
    return retry(call, pauseMs, { clock, signal });
  };
  return {
    can: storage.can,
    kindAt: (location, signal) => persist(() => storage.kindAt(location, signal), signal),
    stat: (location, signal) => persist(() => storage.stat(location, signal), signal),
    real: (location, signal) => persist(() => storage.real(location, signal), signal),
    list: (folder, options) => storage.list(folder, options),
    read: (location, start, end, options) =>
      persist(() => storage.read(location, start, end, options), options.signal),
    put: (location, source, options) => persist(() => storage.put(location, source, options), options.signal),
    rename: (from, to) => persist(() => storage.rename(from, to), NEVER),
    link: (from, to) => persist(() => storage.link(from, to), NEVER),
    copy: (from, to, signal) => persist(() => storage.copy(from, to, signal), signal),
    sync: (location) => persist(() => storage.sync(location), NEVER),
    remove: (location, signal) => persist(() => storage.remove(location, signal), signal),
    [Symbol.asyncDispose]: () => storage[Symbol.asyncDispose](),
  };
}

/** Checks for a failure of a coordinator that is unreachable or has just restarted. */
function isPassing(error: unknown): boolean {
  if (!isShardmillError(error)) return false;
  const { because } = error.fields;
  return isPassingCode(error.code === "STORE_FAILED" ? because : error.code);
}

function isPassingCode(code: unknown): boolean {
  return isErrorCode(code) && ERROR_CODES[code].call !== "final";
}
