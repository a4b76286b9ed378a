import { setTimeout as sleep } from "node:timers/promises";

const ATTEMPTS = 5;
const FIRST_PAUSE_MS = 20;

/** Retries a failing function, after growing pauses. */
export async function retry<T>(attempt: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (tried === ATTEMPTS || signal.aborted) throw error;
      await sleep(FIRST_PAUSE_MS * 2 ** tried, undefined, { signal });
    }
  }
}

/** Limits callers to a number per second, in order. */
export class Rate {
  readonly #everyMs: number;
  #nextMs = 0;

  constructor(perSecond: number) {
    this.#everyMs = 1000 / perSecond;
  }

  async turn(signal: AbortSignal): Promise<void> {
    const nowMs = performance.now();
    const turnMs = Math.max(nowMs, this.#nextMs);
    this.#nextMs = turnMs + this.#everyMs;
    if (turnMs > nowMs) await sleep(turnMs - nowMs, undefined, { signal });
  }
}
