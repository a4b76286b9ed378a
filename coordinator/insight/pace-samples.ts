import type { RunHistory } from "../../shared/domain/run-history.ts";

interface PaceSample {
  readonly atMs: number;
  readonly rowsDone: number;
  readonly workers: number;
}

/** A plot is not wider; three numbers each. */
const MOST_SAMPLES = 512;
/** A run of a few seconds is seen in ten samples a second. */
const FIRST_SPACING_MS = 100;

/**
 * How far a run was when, in at most so many samples: where they become too many, every other one goes, and
 * those that come are as far apart as those that stay. The newest is always there. Pure: time comes in.
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

  /** As it told of them. */
  restore({ at, rowsDone, workers }: RunHistory["pace"], sinceMs: number): void {
    at.forEach((seconds, index) => {
      const atMs = sinceMs + 1000 * seconds;
      this.record({ atMs, rowsDone: rowsDone[index] ?? 0, workers: workers[index] ?? 0 });
    });
  }

  /** Seconds since `sinceMs`; at most `most` samples and the newest. */
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
