export interface BatchSizerOptions {
  /** From the job file. A number is taken as it is, up to `maxRows`. */
  readonly rows: number | "auto";
  /** The model's batch dimension where it is a fixed number: wins over everything. */
  readonly fixedRows: number | null;
  /** What fits in the memory set aside for a batch. */
  readonly maxRows: number;
}

/** What went into one run. */
export interface BatchShape {
  readonly rows: number;
  /** The steps that each row is padded to, where rows are uneven; null where all have the model's own shape. */
  readonly length: number | null;
}

/** Finds the number of rows a batch should have, from how long batches took. Pure: it is told the times. */
export interface BatchSizer {
  /** Rows for the next batch, of rows of `length` steps. */
  nextRows(length: number | null): number;
  /** A batch took `runMs` in `session.run`. */
  observe(shape: BatchShape, runMs: number): void;
  /** A batch did not fit: from now on at most half of it. The caller repeats the rows in smaller batches. */
  outOfMemory(shape: BatchShape): void;
}

/** Small enough for any model that runs at all, and a few doublings from where a small model is fast. */
const START_ROWS = 32;
/**
 * Runs at each size before the next is tried. The first is not counted: it grows the memory arena, compiles shaders,
 * picks algorithms. Of the others the fastest counts, since other work on the machine only ever makes a run slower.
 */
const WARM_UP_RUNS = 1;
const COUNTED_RUNS = 3;
/** Less gain than this for twice the memory is not worth it, and is within the noise of a few runs. */
const GAIN = 1.1;
/** Sizes in a row without gain before the search ends: one alone may be bad luck. */
const PATIENCE = 2;

/**
 * Doubles from a small start until rows a second stop growing, then stays with the smallest size that was within the
 * gain of the best. Batches of any other size than the one on trial (the rest of a shard, batches still in flight from
 * the size before) say nothing and are not counted.
 */
export function createBatchSizer({ rows, fixedRows, maxRows }: BatchSizerOptions): BatchSizer {
  if (fixedRows !== null) {
    return { nextRows: () => fixedRows, observe: () => {}, outOfMemory: () => {} };
  }
  let cap = Math.max(1, Math.floor(maxRows));
  let size = Math.min(cap, rows === "auto" ? START_ROWS : rows);
  let settled = rows !== "auto";
  let best = { rows: size, rowsPerMs: 0 };
  let sizesWithoutGain = 0;
  let runsMs: number[] = [];

  const trySize = (next: number) => {
    size = next;
    runsMs = [];
  };
  const settle = () => {
    settled = true;
    trySize(Math.min(best.rows, cap));
  };

  return {
    nextRows: () => size,

    observe({ rows: observedRows }, runMs) {
      if (settled || observedRows !== size) return;
      runsMs.push(runMs);
      if (runsMs.length < WARM_UP_RUNS + COUNTED_RUNS) return;
      // A run too short for the clock is not infinitely fast.
      const rowsPerMs = size / Math.max(1e-3, Math.min(...runsMs.slice(WARM_UP_RUNS)));
      if (rowsPerMs > best.rowsPerMs * GAIN) {
        best = { rows: size, rowsPerMs };
        sizesWithoutGain = 0;
      } else {
        sizesWithoutGain += 1;
      }
      if (size === cap || sizesWithoutGain === PATIENCE) settle();
      else trySize(Math.min(size * 2, cap));
    },

    outOfMemory({ rows: failedRows }) {
      cap = Math.max(1, Math.min(cap, Math.floor(failedRows / 2)));
      if (size <= cap) return;
      // Larger sizes are out of reach for ever: what was best so far is what there is, or else the largest that fits.
      if (best.rowsPerMs === 0) best = { rows: cap, rowsPerMs: 0 };
      settle();
    },
  };
}
