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

type FixedLimits = Pick<BatchLimits, "fixedRows" | "isAlone" | "rows" | "tokens" | "memoryRows">;

export interface BatchSizerOptions extends FixedLimits {
  /** Returns a batch's share of the largest shard so far. Null before the first shard. Default: no bound. */
  readonly shardRows?: () => number | null;
  /** True: a batch may have several runs of a size that was found. Default: each has one. */
  readonly groupsRuns?: boolean;
  /** True: a batch is one run, even with a fixed batch. Default: a fixed batch may have several runs. */
  readonly oneRun?: boolean;
  /**
   * Returns whether a larger batch would fit in this process's memory, by its growth so far. Default: always.
   */
  readonly mayGrow?: () => boolean;
  /** Sizes that an earlier run of the same model on the same machine learned. */
  readonly learned?: LearnedBatch;
  /** Called when there is more to remember. */
  readonly onLearned?: (learned: LearnedBatch) => void;
}

/** Sizes that a run learned for the next one. Units are rows, or rows x length for uneven rows. */
export interface LearnedBatch {
  /** Size that was found. Null: the search did not end, or there was none. */
  readonly units: number | null;
  readonly caps: readonly FailedSize[];
}

export const NOTHING_LEARNED: LearnedBatch = { units: null, caps: [] };

/**
 * Limit of remembered caps. One thread adds a few dozen at most: one for each length and halving. More are
 * outdated.
 */
const MOST_CAPS = 200;

/** Merges what several threads learned of one model: the newest size, and all caps. */
export function mergeLearned(known: LearnedBatch, news: LearnedBatch): LearnedBatch {
  const isNew = (cap: FailedSize) =>
    !known.caps.some(({ length, units }) => length === cap.length && units === cap.units);
  const caps = [...known.caps, ...news.caps.filter(isNew)];
  return { units: news.units ?? known.units, caps: caps.slice(-MOST_CAPS) };
}

/**
 * Chooses the batch sizes of one job in one thread, and learns from the runs. Open sizes come from an earlier
 * run or from a search. All bounds apply to either. Pure: the caller passes times in.
 */
export class BatchSizer {
  readonly #options: BatchSizerOptions;
  readonly #failed: FailedSizes;
  readonly #search = new BatchSearch();
  readonly #fixed: FixedRuns | null;
  /** Runs of the found size that go to a lane together. Null: no size is found. */
  #grouped: { readonly rows: number; readonly runs: FixedRuns } | null = null;
  readonly #knownUnits: number | null;
  #inUse: BatchInUse | null = null;
  #reported: LearnedBatch;

  constructor(options: BatchSizerOptions) {
    this.#options = options;
    this.#reported = options.learned ?? NOTHING_LEARNED;
    this.#knownUnits = this.#reported.units;
    const { fixedRows, oneRun = false } = options;
    this.#fixed = fixedRows === null || oneRun ? null : new FixedRuns(fixedRows);
    this.#failed = new FailedSizes(this.#reported.caps);
  }

  /** Size last chosen, with its bound. Null before the first batch. */
  get inUse(): BatchInUse | null {
    return this.#inUse;
  }

  /**
   * Returns the rows of the next batch, for rows of `length` positions. A model with a fixed batch gets
   * several runs. So does a small model: what is fastest for the caches may be too short for a message.
   */
  nextRows(length: number | null): number {
    const measured = this.#isMeasured(length) ? this.#measured(length) : null;
    this.#inUse = leastBound(boundsOf(this.#limits(measured), length));
    const runs = this.#fixed ?? this.#groupOf(this.#inUse);
    if (runs === null) return this.#inUse.rows;
    const room: BatchLimits = { ...this.#limits(null), fixedRows: null, rows: "auto" };
    return runs.nextRows(length, leastBound(boundsOf(room, length)).rows);
  }

  /** Rows of a run, if batches may have several. Null: a batch is one run, or the model has a fixed batch. */
  get runRows(): number | null {
    return this.#grouped === null ? null : (this.#inUse?.rows ?? null);
  }

  /** Records that a batch took `runMs` in `session.run`. */
  observe(shape: BatchShape, runMs: number): void {
    const { length } = shape;
    (this.#fixed ?? this.#grouped?.runs)?.observe(shape, runMs);
    if (this.#knownUnits !== null || !this.#isMeasured(length)) return;
    const { mayGrow = () => true } = this.#options;
    const { rows } = leastBound(boundsOf(this.#limits(null), length));
    this.#search.observe(shape, runMs, { mostUnits: unitsOf({ rows, length }), mayGrow });
    this.#report();
  }

  /**
   * Records that a batch did not fit. Later batches have at most half of its size. The caller repeats the
   * rows in smaller batches. A model with a fixed batch allows no smaller ones.
   */
  outOfMemory(shape: BatchShape): void {
    if (this.#options.fixedRows !== null) return;
    this.#failed.add(shape);
    this.#search.stop();
    this.#report();
  }

  #groupOf({ rows, length, bound }: BatchInUse): FixedRuns | null {
    const isFound = bound === "speed" || bound === "remembered";
    if (this.#options.groupsRuns !== true || !isFound || length !== null) return null;
    if (this.#grouped?.rows !== rows) this.#grouped = { rows, runs: new FixedRuns(rows) };
    return this.#grouped.runs;
  }

  /** True when neither the model nor the job file sets the size. */
  #isMeasured(length: number | null): boolean {
    const { fixedRows, rows, tokens } = this.#options;
    return fixedRows === null && rows === "auto" && (tokens === "auto" || length === null);
  }

  #measured(length: number | null): BatchLimits["measured"] {
    if (this.#knownUnits !== null) return { units: this.#knownUnits, bound: "remembered" };
    return this.#search.next(length);
  }

  #limits(measured: BatchLimits["measured"]): BatchLimits {
    const { fixedRows, isAlone = false, rows, tokens, memoryRows, shardRows = () => null } = this.#options;
    const given = { fixedRows, isAlone, rows, tokens, memoryRows };
    return { ...given, shardRows: shardRows(), failed: this.#failed, measured };
  }

  #report(): void {
    const units = this.#knownUnits ?? this.#search.found;
    const caps = this.#failed.all;
    if (units === this.#reported.units && caps === this.#reported.caps) return;
    this.#reported = { units, caps };
    this.#options.onLearned?.(this.#reported);
  }
}
