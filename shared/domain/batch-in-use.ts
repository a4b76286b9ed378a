/**
 * Reasons that bound the rows of a batch. The first in this list is reported where several give the same
 * number.
 *
 * | bound | a batch has at most |
 * |---|---|
 * | model | the rows that the model is made for: then no other bound counts |
 * | rows | `map.batch.rows` |
 * | tokens | `map.batch.tokens`, for rows of uneven length |
 * | memory | the rows that fit in the memory reserved for the inputs and outputs of one batch |
 * | failed | half of a batch that did not fit in the device's memory |
 * | window | the rows of uneven length that are sorted together |
 * | shard | its share of a shard: each lane gets several batches of each shard |
 * | remembered | the fastest size of an earlier run |
 * | growth | the largest size that the memory of this process allows |
 * | speed | the smallest size that no larger one was faster than |
 * | search | the size that is being tried |
 * | shape | one row, because rows of an output differ in shape |
 */
export const BATCH_BOUNDS = [
  "model",
  "rows",
  "tokens",
  "memory",
  "failed",
  "window",
  "shard",
  "remembered",
  "growth",
  "speed",
  "search",
  "shape",
] as const;
export type BatchBound = (typeof BATCH_BOUNDS)[number];

/** Rows of most tables whose computation takes as long as the fixed cost of one model run. */
export const FEW_ROWS = 32;

/** Size of the batches that a worker makes, and its bound. */
export interface BatchInUse {
  readonly rows: number;
  /** Positions that each row of uneven length is padded to. Null: rows are even. */
  readonly length: number | null;
  readonly bound: BatchBound;
}
