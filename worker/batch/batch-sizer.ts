import type { BatchInUse } from "../../shared/domain/batch-in-use.ts";
import { BatchSearch } from "./batch-search.ts";
import {
  type BatchLimits,
  type BatchShape,
  boundsOf,
  type FailedSize,
  FailedSizes,
  leastBound,
  unitsOf,
} from "./bounds.ts";
import { FixedRuns } from "./fixed-runs.ts";

export interface BatchSizerOptions extends Pick<BatchLimits, "fixedRows" | "rows" | "tokens" | "memoryRows"> {
  /** A batch's share of the largest shard so far; null before the first. Left out: no bound. */
  readonly shardRows?: () => number | null;
  /** Whether a larger batch would fit in this process's memory, by how it grew so far. Left out: always. */
  readonly mayGrow?: () => boolean;
  /** What an earlier run of the same model on the same machine learned. */
  readonly learned?: LearnedBatch;
  /** Called whenever there is more to remember. */
  readonly onLearned?: (learned: LearnedBatch) => void;
}

/** What a run learned, for the next one. Units are rows; where rows are uneven, rows x length. */
export interface LearnedBatch {
  /** The size that was found; null where the search did not end, or there was none. */
  readonly units: number | null;
  readonly caps: readonly FailedSize[];
}

export const NOTHING_LEARNED: LearnedBatch = { units: null, caps: [] };

/**
 * Of one thread there is one a length and halving at most, a few dozen: more are left from times of less
 * memory.
 */
const MOST_CAPS = 200;

/** What several threads learned of one model: the newest size, and all caps. */
export function mergeLearned(known: LearnedBatch, news: LearnedBatch): LearnedBatch {
  const isNew = (cap: FailedSize) =>
    !known.caps.some(({ length, units }) => length === cap.length && units === cap.units);
  const caps = [...known.caps, ...news.caps.filter(isNew)];
  return { units: news.units ?? known.units, caps: caps.slice(-MOST_CAPS) };
}

/**
 * Says how many rows the batches of one job in one thread have, and learns from how they went. What the job
 * file leaves open is known from an earlier run, or searched for; all bounds hold whatever is found. Pure: it
 * gets the times.
 */
export class BatchSizer {
  readonly #options: BatchSizerOptions;
  readonly #failed: FailedSizes;
  readonly #search = new BatchSearch();
  readonly #fixed: FixedRuns | null;
  readonly #knownUnits: number | null;
  #inUse: BatchInUse | null = null;
  #reported: LearnedBatch;

  constructor(options: BatchSizerOptions) {
    this.#options = options;
    this.#reported = options.learned ?? NOTHING_LEARNED;
    this.#knownUnits = this.#reported.units;
    this.#fixed = options.fixedRows === null ? null : new FixedRuns(options.fixedRows);
    this.#failed = new FailedSizes(this.#reported.caps);
  }

  /** The size that was last asked for, and what bounds it; null before the first batch. */
  get inUse(): BatchInUse | null {
    return this.#inUse;
  }

  /**
   * Rows for the next batch, of rows of `length` positions: where the model's batch is fixed, those of
   * several runs.
   */
  nextRows(length: number | null): number {
    const measured = this.#isMeasured(length) ? this.#measured(length) : null;
    this.#inUse = leastBound(boundsOf(this.#limits(measured), length));
    if (this.#fixed === null) return this.#inUse.rows;
    const room: BatchLimits = { ...this.#limits(null), fixedRows: null, rows: "auto" };
    return this.#fixed.nextRows(length, leastBound(boundsOf(room, length)).rows);
  }

  /** A batch took `runMs` in `session.run`. */
  observe(shape: BatchShape, runMs: number): void {
    const { length } = shape;
    this.#fixed?.observe(shape, runMs);
    if (this.#knownUnits !== null || !this.#isMeasured(length)) return;
    const { mayGrow = () => true } = this.#options;
    const { rows } = leastBound(boundsOf(this.#limits(null), length));
    this.#search.observe(shape, runMs, { mostUnits: unitsOf({ rows, length }), mayGrow });
    this.#tell();
  }

  /**
   * A batch did not fit: from now on at most half of it. The caller repeats the rows in smaller batches. A
   * model with a fixed batch takes no smaller ones.
   */
  outOfMemory(shape: BatchShape): void {
    if (this.#options.fixedRows !== null) return;
    this.#failed.add(shape);
    this.#search.stop();
    this.#tell();
  }

  /** Whether neither the model nor the job file says how large a batch is. */
  #isMeasured(length: number | null): boolean {
    const { fixedRows, rows, tokens } = this.#options;
    return fixedRows === null && rows === "auto" && (tokens === "auto" || length === null);
  }

  #measured(length: number | null): BatchLimits["measured"] {
    if (this.#knownUnits !== null) return { units: this.#knownUnits, bound: "remembered" };
    return this.#search.next(length);
  }

  #limits(measured: BatchLimits["measured"]): BatchLimits {
    const { fixedRows, rows, tokens, memoryRows, shardRows = () => null } = this.#options;
    return { fixedRows, rows, tokens, memoryRows, shardRows: shardRows(), failed: this.#failed, measured };
  }

  #tell(): void {
    const units = this.#knownUnits ?? this.#search.found;
    const caps = this.#failed.all;
    if (units === this.#reported.units && caps === this.#reported.caps) return;
    this.#reported = { units, caps };
    this.#options.onLearned?.(this.#reported);
  }
}
