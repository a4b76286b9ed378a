import type { TimedClock } from "../../shared/core/clock.ts";

interface Timer {
  readonly dueMs: number;
  readonly call: () => void;
}

/** A clock that advances only when everything waits for it. */
export class VirtualClock implements TimedClock {
  #nowMs = 0;
  #suspendedMs = 0;
  #timers: Timer[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs + this.#suspendedMs;
  }

  after(ms: number, call: () => void): () => void {
    const timer: Timer = { dueMs: this.#nowMs + ms, call };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /**
   * Advances time until a promise is fulfilled or rejected.
   *
   * @throws {Error} when it never will be
   */
  async until<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settled = () => {
      isSettled = true;
    };
    promise.then(settled, settled);
    for (;;) {
      await idle();
      if (isSettled) return await promise;
      this.#next(Number.POSITIVE_INFINITY);
    }
  }

  /** Skips time at once, as for a paused process. */
  skip(ms: number): void {
    this.#nowMs += ms;
  }

  /** Skips time that the process does not see, as for a suspended machine. */
  suspend(ms: number): void {
    this.#suspendedMs += ms;
  }

  async pass(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await idle();
    while (this.#timers.some(({ dueMs }) => dueMs <= endMs)) {
      this.#next(endMs);
      await idle();
    }
    this.#nowMs = endMs;
  }

  #next(endMs: number): void {
    const [first] = this.#timers.filter(({ dueMs }) => dueMs <= endMs).sort((a, b) => a.dueMs - b.dueMs);
    if (first === undefined) throw new Error("it waits for an event that never happens");
    this.#timers = this.#timers.filter((other) => other !== first);
    this.#nowMs = Math.max(this.#nowMs, first.dueMs);
    first.call();
  }
}

/** Waits until all code that waits for no time has run. */
async function idle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
