import { type BatchShape, unitsOf } from "./bounds.ts";

/**
 * What the runs of a batch take together, at most, about: handing it over is then some per cent of it at
 * most, and nobody waits long for a shard's end. A model that takes longer for one run has one a batch.
 */
const BATCH_MS = 10;

/** However short they are: handing over is then next to nothing of them. */
const MOST_RUNS = 256;

/**
 * When one run fails, all are run again in halves, down to the rows: 1,023 failures at most for so many rows,
 * which is within what one batch may cost. So every row that the model fails on is found, be it all of them.
 */
const MOST_ROWS = 512;

/** How much one batch changes what is known of all. */
const NEWEST_WEIGHT = 0.2;

/** No more than so many times the runs that were tried: the first ones are slow, or an exception. */
const GROWTH = 4;

/**
 * How many runs of a model with a fixed batch go to a lane at once, by how long they take. Pure: it is told
 * the times.
 */
export class FixedRuns {
  readonly #batchRows: number;
  /** Of one run, by what it has to do: rows, or positions where they are uneven. */
  #unitMs: number | null = null;
  #mostRuns = 1;

  constructor(batchRows: number) {
    this.#batchRows = batchRows;
  }

  /**
   * The rows of the next batch, whole runs of them.
   *
   * @param mostRows that there is room for: if it is less, one run
   */
  nextRows(length: number | null, mostRows: number): number {
    const runUnits = unitsOf({ rows: this.#batchRows, length });
    const forTime = this.#unitMs === null ? 1 : BATCH_MS / (this.#unitMs * runUnits);
    const forRoom = mostRows / this.#batchRows;
    return this.#batchRows * Math.max(1, Math.floor(Math.min(forTime, forRoom, this.#mostRuns)));
  }

  /** A batch took `runMs` at its lane. */
  observe({ rows, length }: BatchShape, runMs: number): void {
    const runs = Math.ceil(rows / this.#batchRows);
    const unitMs = Math.max(runMs, 1e-3) / unitsOf({ rows: runs * this.#batchRows, length });
    this.#unitMs = this.#unitMs === null ? unitMs : this.#unitMs + (unitMs - this.#unitMs) * NEWEST_WEIGHT;
    const most = Math.min(MOST_RUNS, Math.max(1, Math.floor(MOST_ROWS / this.#batchRows)));
    this.#mostRuns = Math.min(most, Math.max(this.#mostRuns, runs * GROWTH));
  }
}
