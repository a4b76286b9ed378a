import { sleepBy } from "./abort.ts";
import type { Timers } from "./clock.ts";

/**
 * Calls until a call succeeds, and waits after each failure.
 *
 * @param pauseMs returns the wait after a failure, counted from 0. Null: the failure is final.
 * @throws the final failure, an error of `pauseMs`, or the signal's reason
 */
export async function retry<T>(
  call: () => Promise<T>,
  pauseMs: (error: unknown, failure: number) => number | null,
  { clock, signal }: { readonly clock: Timers; readonly signal: AbortSignal },
): Promise<T> {
  for (let failure = 0; ; failure += 1) {
    try {
      return await call();
    } catch (error) {
      const ms = pauseMs(error, failure);
      if (ms === null) throw error;
      await sleepBy(clock, ms, signal);
    }
  }
}
