import { BatchSearch } from "./batch-search.ts";
import { type BatchShape, rowsIn } from "./batch-shape.ts";
import { type MemoryCap, MemoryCaps } from "./memory-caps.ts";

export interface BatchSizerOptions {
  /** From the job file. A number is taken as it is. */
  readonly rows: number | "auto";
  /** From the job file: rows x length, where rows are uneven. A number is taken as it is. */
  readonly tokens: number | "auto";
  /** The model's batch dimension where it is a fixed number: wins over everything. */
  readonly fixedRows: number | null;
  /**
   * How many rows of a length fit in the memory set aside for a batch. Bounds all but a number given for even
   * rows.
   */
  readonly mostRows: (length: number | null) => number;
  /** Whether a larger batch would fit in this process's memory, by how it grew so far. Left out: always. */
  readonly mayGrow?: () => boolean;
  /** What an earlier run of the same model on the same machine learned. */
  readonly learned?: LearnedBatch;
  /** Told whenever there is more to remember. */
  readonly onLearned?: (learned: LearnedBatch) => void;
}

/** What a run learned, for the next one. Units are rows; where rows are uneven, rows x length. */
export interface LearnedBatch {
  /** The size that was found; null where the search did not end, or there was none. */
  readonly units: number | null;
  readonly caps: readonly MemoryCap[];
}

export const NOTHING_LEARNED: LearnedBatch = { units: null, caps: [] };

/**
 * Of one thread there is one a length and halving at most, a few dozen: more are left from times of less
 * memory.
 */
const MOST_CAPS = 200;

/** What several threads learned of one model: the newest size, and all caps. */
export function mergeLearned(known: LearnedBatch, news: LearnedBatch): LearnedBatch {
  const isNew = (cap: MemoryCap) =>
    !known.caps.some(({ length, units }) => length === cap.length && units === cap.units);
  const caps = [...known.caps, ...news.caps.filter(isNew)];
  return { units: news.units ?? known.units, caps: caps.slice(-MOST_CAPS) };
}

/** Says how many rows a batch should have, and learns from how batches went. Pure: it is told the times. */
export interface BatchSizer {
  /** Rows for the next batch, of rows of `length` steps. */
  nextRows(length: number | null): number;
  /** A batch took `runMs` in `session.run`. */
  observe(shape: BatchShape, runMs: number): void;
  /** A batch did not fit: from now on at most half of it. The caller repeats the rows in smaller batches. */
  outOfMemory(shape: BatchShape): void;
}

/**
 * A sizer for the batches of one job in one thread. What is given in the job file is used as it is; what is
 * `auto` is searched for, or known from an earlier run. Both are bounded by what ran out of memory.
 */
export function createBatchSizer(options: BatchSizerOptions): BatchSizer {
  const { fixedRows } = options;
  return fixedRows === null
    ? new LearningSizer(options)
    : { nextRows: () => fixedRows, observe: () => {}, outOfMemory: () => {} };
}

class LearningSizer implements BatchSizer {
  readonly #options: BatchSizerOptions;
  readonly #caps: MemoryCaps;
  readonly #search = new BatchSearch();
  readonly #knownUnits: number | null;
  #told: LearnedBatch;

  constructor(options: BatchSizerOptions) {
    this.#options = options;
    this.#told = options.learned ?? NOTHING_LEARNED;
    this.#knownUnits = this.#told.units;
    this.#caps = new MemoryCaps(this.#told.caps);
  }

  nextRows(length: number | null): number {
    return Math.max(1, Math.floor(Math.min(this.#wantedRows(length), this.#mostRows(length))));
  }

  observe(shape: BatchShape, runMs: number): void {
    const { length } = shape;
    if (this.#knownUnits !== null || this.#givenRows(length) !== null) return;
    const { mayGrow = () => true } = this.#options;
    const mostUnits = Math.max(1, Math.floor(this.#mostRows(length))) * (length ?? 1);
    this.#search.observe(shape, runMs, { mostUnits, mayGrow });
    this.#tell();
  }

  outOfMemory(shape: BatchShape): void {
    this.#caps.add(shape);
    this.#search.stop();
    this.#tell();
  }

  #wantedRows(length: number | null): number {
    const given = this.#givenRows(length);
    if (given !== null) return given;
    return this.#knownUnits === null ? this.#search.rowsFor(length) : rowsIn(this.#knownUnits, length);
  }

  /** What the job file says; null where that is to be found by measuring. */
  #givenRows(length: number | null): number | null {
    const { rows, tokens } = this.#options;
    const given = [
      rows === "auto" ? Infinity : rows,
      tokens === "auto" || length === null ? Infinity : rowsIn(tokens, length),
    ];
    const least = Math.min(...given);
    return least === Infinity ? null : least;
  }

  #mostRows(length: number | null): number {
    const { rows, mostRows } = this.#options;
    const capped = this.#caps.mostRows(length);
    return length === null && rows !== "auto" ? capped : Math.min(capped, mostRows(length));
  }

  #tell(): void {
    const units = this.#knownUnits ?? this.#search.found;
    const caps = this.#caps.all;
    if (units === this.#told.units && caps === this.#told.caps) return;
    this.#told = { units, caps };
    this.#options.onLearned?.(this.#told);
  }
}
