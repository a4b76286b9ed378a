import { setMaxListeners } from "node:events";
import { systemClock, type Timers } from "./clock.ts";
import { ShardmillError } from "./errors.ts";

/** Signal that never aborts, for callers in the same process. */
export const NEVER = new AbortController().signal;
// Many callers listen to it at once, which Node reports as a leak.
setMaxListeners(0, NEVER);

/** Resolves after `ms`, or rejects with the signal's reason as soon as it aborts. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return sleepBy(systemClock, ms, signal);
}

/** Sleeps like {@link sleep}, by another clock. */
export function sleepBy(timers: Timers, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      callOff();
      reject(signal.reason);
    };
    const callOff = timers.after(ms, () => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

/** Returns a signal that aborts with DEADLINE_EXCEEDED after `ms`, unless it is disposed of earlier. */
export function deadline(ms: number, timers: Timers): { readonly signal: AbortSignal } & Disposable {
  const abort = new AbortController();
  const callOff = timers.after(ms, () => {
    abort.abort(new ShardmillError("DEADLINE_EXCEEDED", `not done in ${Math.round(ms)} ms`));
  });
  return { signal: abort.signal, [Symbol.dispose]: callOff };
}

/** Promise with its two functions outside: Node 20 has no `Promise.withResolvers`. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T | Promise<T>): void;
  reject(error: unknown): void;
}

export function deferred<T>(): Deferred<T> {
  let resolve!: (value: T | Promise<T>) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

/** Resolves like `promise`, or rejects when the signal aborts first. Always removes its listener. */
export async function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = deferred<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/**
 * Returns a signal that aborts with the first of `signals`, for the same reason. Disposing removes its
 * listeners. `AbortSignal.any` would keep growing for long-lived signals.
 */
export function joined(...signals: readonly AbortSignal[]): { readonly signal: AbortSignal } & Disposable {
  const abort = new AbortController();
  // Many calls at once share a signal, which Node reports as a leak. Each removes its listener.
  setMaxListeners(0, abort.signal, ...signals);
  const offs = signals.map((signal) => {
    const onAbort = () => abort.abort(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    return () => signal.removeEventListener("abort", onAbort);
  });
  return {
    signal: abort.signal,
    [Symbol.dispose]() {
      for (const off of offs) off();
    },
  };
}
