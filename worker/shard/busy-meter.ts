import type { Stage, StageShares } from "../../shared/domain/worker.ts";

/** Where a thread's time goes: milliseconds busy in each stage since they were last taken. */
export class BusyMeter {
  readonly #nowMs: () => number;
  readonly #busyMs = new Map<Stage, number>();
  /** All time spent in stages that keep the thread itself busy, or wait for bytes: what is not decoding. */
  #otherMs = 0;
  #readers = 0;
  #readingSinceMs = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  add(stage: Stage, ms: number): void {
    this.#busyMs.set(stage, (this.#busyMs.get(stage) ?? 0) + ms);
  }

  /** Work that keeps the thread busy until it returns. */
  time<T>(stage: Stage, work: () => T): T {
    const startMs = this.#nowMs();
    try {
      return work();
    } finally {
      const ms = this.#nowMs() - startMs;
      this.add(stage, ms);
      this.#otherMs += ms;
    }
  }

  /** Waiting for a store or for SQL. */
  async timeAsync<T>(stage: Stage, work: () => Promise<T>): Promise<T> {
    const startMs = this.#nowMs();
    try {
      return await work();
    } finally {
      this.add(stage, this.#nowMs() - startMs);
    }
  }

  /** Waiting for input bytes. Reads that overlap count once. */
  async timeRead<T>(read: () => Promise<T>): Promise<T> {
    if (this.#readers === 0) this.#readingSinceMs = this.#nowMs();
    this.#readers += 1;
    try {
      return await read();
    } finally {
      this.#readers -= 1;
      if (this.#readers === 0) {
        const ms = this.#nowMs() - this.#readingSinceMs;
        this.add("read", ms);
        this.#otherMs += ms;
      }
    }
  }

  /**
   * Waiting for a reader's next rows: decoding, as far as it is not reading, nor the work of other stages that the thread
   * did meanwhile.
   */
  async timeDecode<T>(next: () => Promise<T>): Promise<T> {
    const startMs = this.#nowMs();
    const otherMs = this.#otherMs;
    try {
      return await next();
    } finally {
      const meanwhileMs = this.#otherMs - otherMs;
      this.add("decode", Math.max(0, this.#nowMs() - startMs - meanwhileMs));
    }
  }

  /** Busy shares over the last `overMs`; counting starts again from nothing. */
  takeShares(overMs: number): StageShares {
    const shares = Object.fromEntries([...this.#busyMs].map(([stage, ms]) => [stage, ms / overMs]));
    this.#busyMs.clear();
    return shares;
  }
}
