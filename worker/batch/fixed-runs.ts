import { type BatchShape, unitsOf } from "./bounds.ts";

/**
 * Target time of a batch. The transfer is then a few per cent of it, and shards end without delay. A model
 * that takes longer for one run has one run per batch.
 */
const BATCH_MS = 10;

/** Limit of runs in a batch, however short. Beyond it, the transfer cost is negligible. */
const MOST_RUNS = 256;

/** Weight of one batch in the average run time. */
const NEWEST_WEIGHT = 0.2;

/**
 * Growth limit of a batch's runs, relative to the runs tried so far. The first runs may be slow, or outliers.
 */
const GROWTH = 4;

/**
 * Chooses how many runs of equal size go to a lane together, by run time. Pure: the caller passes times in.
 */
export class FixedRuns {
  readonly #batchRows: number;
  /** Average time of one unit: a row, or a position for uneven rows. */
  #unitMs: number | null = null;
  #mostRuns = 1;

  constructor(batchRows: number) {
    this.#batchRows = batchRows;
  }

  /**
   * Returns the rows of the next batch: a power of two of whole runs. So few sizes recur, and their buffers
   * are used again.
   *
   * @param mostRows rows that fit. If that is less than one run, one run is returned.
   */
  nextRows(length: number | null, mostRows: number): number {
    const runUnits = unitsOf({ rows: this.#batchRows, length });
    const forTime = this.#unitMs === null ? 1 : BATCH_MS / (this.#unitMs * runUnits);
    const most = Math.min(mostRows / this.#batchRows, this.#mostRuns);
    const power = Math.min(Math.round(Math.log2(forTime)), Math.floor(Math.log2(most)));
    return this.#batchRows * 2 ** Math.max(0, power);
  }

  /** Records that a batch took `runMs` at its lane. Ignores a part of a run, such as the rest of a shard. */
  observe({ rows, length }: BatchShape, runMs: number): void {
    if (rows % this.#batchRows !== 0) return;
    const runs = rows / this.#batchRows;
    const unitMs = Math.max(runMs, 1e-3) / unitsOf({ rows, length });
    this.#unitMs = this.#unitMs === null ? unitMs : this.#unitMs + (unitMs - this.#unitMs) * NEWEST_WEIGHT;
    this.#mostRuns = Math.min(MOST_RUNS, Math.max(this.#mostRuns, runs * GROWTH));
  }
}
