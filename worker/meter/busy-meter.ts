import { type PositionCounts, STAGES, type Stage, type StageShares } from "../../shared/domain/worker.ts";

/** Milliseconds busy in each stage. */
type StageMs = Readonly<Partial<Record<Stage, number>>>;

/** How long this thread's event loop has waited for something to do. */
export const threadIdleMs = (): number => performance.eventLoopUtilization().idle;

/** Where a thread's time goes: milliseconds busy in each stage since they were last taken. */
export class BusyMeter {
  readonly #nowMs: () => number;
  readonly #idleMs: () => number;
  readonly #busyMs = new Map<Stage, number>();
  /** All time spent in stages that keep the thread itself busy, or wait for bytes: what is not decoding. */
  #otherMs = 0;
  readonly #reading = new Overlap();
  readonly #decoding = new Overlap();

  #positions: PositionCounts = { run: 0, padded: 0 };

  /**
   * @param idleMs how long the thread had nothing to do since any fixed moment; left out: whenever it waits
   */
  constructor(nowMs: () => number, idleMs: () => number = nowMs) {
    this.#nowMs = nowMs;
    this.#idleMs = idleMs;
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

  /**
   * Waiting for input bytes with nothing else to do: bytes that came while the thread was decoding cost
   * nobody any time. Reads that overlap count once.
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
   * Waiting for a reader's next rows: decoding, as far as it is not reading, nor the work of other stages
   * that the thread did meanwhile. Of two readers at once the time counts once.
   */
  async timeDecode<T>(next: () => Promise<T>): Promise<T> {
    this.#decoding.enter(this.#nowMs() - this.#otherMs);
    try {
      return await next();
    } finally {
      this.add("decode", this.#decoding.leave(this.#nowMs() - this.#otherMs));
    }
  }

  /** A batch of uneven rows ran. */
  addPositions({ run, padded }: PositionCounts): void {
    this.#positions = { run: this.#positions.run + run, padded: this.#positions.padded + padded };
  }

  /** The positions since they were last taken. */
  takePositions(): PositionCounts {
    const positions = this.#positions;
    this.#positions = { run: 0, padded: 0 };
    return positions;
  }

  /** What each stage was busy; counting starts again from nothing. */
  takeBusyMs(): StageMs {
    const busyMs = Object.fromEntries(this.#busyMs);
    this.#busyMs.clear();
    return busyMs;
  }

  /**
   * Busy shares over the last `overMs`, 0 to 1 of what could be busy. Time is counted when work ends: what
   * does not fit into this span (a batch that ran for longer) counts in the next, so that means over many
   * spans are right.
   *
   * @param threads that share a stage; a stage that is not named is one thread's
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

/** Time in which at least one of several is at it. */
class Overlap {
  #count = 0;
  #sinceMs = 0;

  enter(nowMs: number): void {
    if (this.#count === 0) this.#sinceMs = nowMs;
    this.#count += 1;
  }

  /** The last one out gets the time; the others get none. */
  leave(nowMs: number): number {
    this.#count -= 1;
    return this.#count === 0 ? Math.max(0, nowMs - this.#sinceMs) : 0;
  }
}

/**
 * The busy shares of a worker out of those of its shard threads: what they had the lanes do adds up, every
 * other stage is a mean over the threads, one that has not reported yet counting as idle.
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
