import { type PositionCounts, STAGES, type Stage, type StageShares } from "../../shared/domain/worker.ts";

/** Milliseconds busy in each stage. */
type StageMs = Readonly<Partial<Record<Stage, number>>>;

/** Returns how long this thread's event loop has been idle. */
export const threadIdleMs = (): number => performance.eventLoopUtilization().idle;

/** Measures a thread's busy time in each stage, in milliseconds since the last call of `take*`. */
export class BusyMeter {
  readonly #nowMs: () => number;
  readonly #idleMs: () => number;
  readonly #busyMs = new Map<Stage, number>();
  /** Time in stages that block the thread or wait for bytes. This time does not count as decoding. */
  #otherMs = 0;
  readonly #reading = new Overlap();
  readonly #decoding = new Overlap();

  #positions: PositionCounts = { run: 0, padded: 0 };

  /** @param idleMs idle time of the thread since any fixed moment. Default: every wait counts as idle. */
  constructor(nowMs: () => number, idleMs: () => number = nowMs) {
    this.#nowMs = nowMs;
    this.#idleMs = idleMs;
  }

  add(stage: Stage, ms: number): void {
    this.#busyMs.set(stage, (this.#busyMs.get(stage) ?? 0) + ms);
  }

  /** Measures synchronous work. */
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

  /** Measures waiting for a store or for SQL. */
  async timeAsync<T>(stage: Stage, work: () => Promise<T>): Promise<T> {
    const startMs = this.#nowMs();
    try {
      return await work();
    } finally {
      this.add(stage, this.#nowMs() - startMs);
    }
  }

  /**
   * Measures waiting for input bytes while the thread is idle. Bytes that arrive during decoding cost no
   * time. Overlapping reads count once.
   */
  async timeRead<T>(read: () => Promise<T>): Promise<T> {
    this.#reading.enter(this.#idleMs());
    try {
      return await read();
    } finally {
      const ms = this.#reading.leave(this.#idleMs());
      this.add("read", ms);
      this.#otherMs += ms;
    }
  }

  /**
   * Measures decoding: waiting for a reader's next rows, minus reading and other stages' work in this thread.
   * Concurrent readers count once.
   */
  async timeDecode<T>(next: () => Promise<T>): Promise<T> {
    this.#decoding.enter(this.#nowMs() - this.#otherMs);
    try {
      return await next();
    } finally {
      this.add("decode", this.#decoding.leave(this.#nowMs() - this.#otherMs));
    }
  }

  /** Adds the positions of a batch of uneven rows. */
  addPositions({ run, padded }: PositionCounts): void {
    this.#positions = { run: this.#positions.run + run, padded: this.#positions.padded + padded };
  }

  /** Returns the positions since the last call, and resets them. */
  takePositions(): PositionCounts {
    const positions = this.#positions;
    this.#positions = { run: 0, padded: 0 };
    return positions;
  }

  /** Returns the busy time of each stage since the last call, and resets it. */
  takeBusyMs(): StageMs {
    const busyMs = Object.fromEntries(this.#busyMs);
    this.#busyMs.clear();
    return busyMs;
  }

  /**
   * Returns busy shares over the last `overMs`, from 0 to 1. Time counts when work ends. The excess of a
   * longer run counts in the next span, so that means over many spans are correct.
   *
   * @param threads numbers of threads that share a stage. Default for a stage: one.
   */
  takeShares(overMs: number, threads: Readonly<Partial<Record<Stage, number>>>): StageShares {
    const shares: Partial<Record<Stage, number>> = {};
    for (const [stage, ms] of [...this.#busyMs]) {
      const mostMs = overMs * (threads[stage] ?? 1);
      shares[stage] = Math.min(1, ms / Math.max(mostMs, Number.MIN_VALUE));
      if (ms > mostMs) this.#busyMs.set(stage, ms - mostMs);
      else this.#busyMs.delete(stage);
    }
    return shares;
  }
}

/** Time in which at least one of several activities is in progress. */
class Overlap {
  #count = 0;
  #sinceMs = 0;

  enter(nowMs: number): void {
    if (this.#count === 0) this.#sinceMs = nowMs;
    this.#count += 1;
  }

  /** Returns the whole time for the last activity to end, and 0 for the others. */
  leave(nowMs: number): number {
    this.#count -= 1;
    return this.#count === 0 ? Math.max(0, nowMs - this.#sinceMs) : 0;
  }
}

/**
 * Merges the busy shares of a worker's shard threads. Inference adds up, because all threads use the same
 * lanes. Other stages are means over all threads, where a thread without a report counts as idle.
 */
export function mergeShares(threads: readonly StageShares[], count: number): StageShares {
  const merged: Partial<Record<Stage, number>> = {};
  for (const stage of STAGES) {
    const known = threads.flatMap((shares) => shares[stage] ?? []);
    if (known.length === 0) continue;
    const sum = known.reduce((total, share) => total + share, 0);
    merged[stage] = Math.min(1, stage === "infer" ? sum : sum / count);
  }
  return merged;
}
