/** Counts of values by bucket. */
export interface HistogramCounts {
  /** Inclusive upper bounds of the buckets, ascending. The last bucket has no bound. */
  readonly bounds: readonly number[];
  /** Count of each bucket, one more than there are bounds. */
  readonly counts: readonly number[];
  readonly sum: number;
}

/**
 * Buckets from a tenth of a millisecond, an append in memory, to ten seconds, a failing disk. Three buckets
 * for each power of ten.
 */
const SECONDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** Histogram of durations. */
export class DurationHistogram {
  readonly #counts = new Array<number>(SECONDS.length + 1).fill(0);
  #sum = 0;

  addMs(ms: number): void {
    const seconds = ms / 1_000;
    const found = SECONDS.findIndex((bound) => seconds <= bound);
    const bucket = found < 0 ? SECONDS.length : found;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sum += seconds;
  }

  read(): HistogramCounts {
    return { bounds: SECONDS, counts: [...this.#counts], sum: this.#sum };
  }
}
