/** How often values came, by bucket. */
export interface HistogramCounts {
  /** The upper bounds of the buckets, each included, in rising order; of the last there is none. */
  readonly bounds: readonly number[];
  /** One more than there are bounds. */
  readonly counts: readonly number[];
  readonly sum: number;
}

/**
 * From a tenth of a millisecond, which a record in memory takes, to ten seconds, which is a disk in distress:
 * three buckets for each power of ten.
 */
const SECONDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** Counts how long something took. */
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
