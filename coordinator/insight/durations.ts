import type { RunHistory, SlowShard } from "../../shared/domain/run-history.ts";

/** Bins from a millisecond to fifty days, each 1.41 times as wide as the previous one. */
const BINS = 64;
const MOST_SLOW = 8;

/** Histogram of the durations of committed attempts, with the slowest ones. */
export class Durations {
  readonly #bins = new Array<number>(BINS).fill(0);
  #slowest: SlowShard[] = [];

  add(shard: number, worker: string, ms: number): void {
    const bin = Math.min(BINS - 1, Math.max(0, Math.floor(2 * Math.log2(Math.max(1, ms)))));
    this.#bins[bin] = (this.#bins[bin] ?? 0) + 1;
    const seconds = Math.round(ms) / 1000;
    const least = this.#slowest.at(-1);
    if (this.#slowest.length === MOST_SLOW && least !== undefined && seconds <= least.seconds) return;
    const all = [...this.#slowest, { shard, worker, seconds }];
    this.#slowest = all.sort((a, b) => b.seconds - a.seconds).slice(0, MOST_SLOW);
  }

  /** Adds durations that an earlier coordinator recorded. */
  restore({ from, attempts }: RunHistory["durations"], slowest: readonly SlowShard[]): void {
    from.forEach((seconds, index) => {
      const bin =
        seconds === 0 ? 0 : Math.min(BINS - 1, Math.max(0, Math.round(2 * Math.log2(1000 * seconds))));
      this.#bins[bin] = (this.#bins[bin] ?? 0) + (attempts[index] ?? 0);
    });
    this.#slowest = slowest.slice(0, MOST_SLOW);
  }

  get slowest(): readonly SlowShard[] {
    return this.#slowest;
  }

  /** Returns the bins from the first to the last one that is not empty. */
  get durations(): RunHistory["durations"] {
    const first = this.#bins.findIndex((attempts) => attempts > 0);
    const last = this.#bins.findLastIndex((attempts) => attempts > 0);
    const attempts = first < 0 ? [] : this.#bins.slice(first, last + 1);
    return { from: attempts.map((_, index) => lowestOf(first + index)), attempts };
  }
}

function lowestOf(bin: number): number {
  return bin === 0 ? 0 : Math.round(2 ** (bin / 2)) / 1000;
}
