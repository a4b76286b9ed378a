import type { RunHistory } from "../../shared/domain/run-history.ts";

interface PaceSample {
  readonly atMs: number;
  readonly rowsDone: number;
  readonly workers: number;
}

/** Limit of samples: no plot is wider. A sample is three numbers. */
const MOST_SAMPLES = 512;
/** Interval of the first samples, so that a run of a few seconds has enough of them. */
const FIRST_SPACING_MS = 100;

/**
 * Progress of a run over time, in a bounded number of samples. At the limit, every second sample is dropped,
 * and new ones get the spacing of the remaining ones. The newest sample is always kept. The caller passes the
 * time.
 */
export class PaceSamples {
  #samples: PaceSample[] = [];
  #newest: PaceSample | null = null;
  #spacingMs = FIRST_SPACING_MS;

  record(sample: PaceSample): void {
    this.#newest = sample;
    const last = this.#samples.at(-1);
    if (last !== undefined && sample.atMs - last.atMs < this.#spacingMs) return;
    this.#samples.push(sample);
    if (this.#samples.length <= MOST_SAMPLES) return;
    this.#samples = this.#samples.filter((_, index) => index % 2 === 0);
    const [first = sample] = this.#samples;
    this.#spacingMs = (sample.atMs - first.atMs) / this.#samples.length;
  }

  /** Adds samples that an earlier coordinator recorded. */
  restore({ at, rowsDone, workers }: RunHistory["pace"], sinceMs: number): void {
    at.forEach((seconds, index) => {
      const atMs = sinceMs + 1000 * seconds;
      this.record({ atMs, rowsDone: rowsDone[index] ?? 0, workers: workers[index] ?? 0 });
    });
  }

  /** Returns at most `most` samples and the newest one, in seconds since `sinceMs`. */
  pace(sinceMs: number, most: number): RunHistory["pace"] {
    const newest = this.#newest === null ? [] : [this.#newest];
    const every = Math.ceil(this.#samples.length / most);
    const older = this.#samples.filter((sample, index) => index % every === 0 && sample !== newest[0]);
    const all = [...older, ...newest];
    return {
      at: all.map(({ atMs }) => Math.round(atMs - sinceMs) / 1000),
      rowsDone: all.map(({ rowsDone }) => rowsDone),
      workers: all.map(({ workers }) => workers),
    };
  }
}
