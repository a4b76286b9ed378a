/**
 * What can bound the rows of a batch. Where several allow the same number, the first of this list is named.
 *
 * | bound | a batch has at most |
 * |---|---|
 * | model | the rows that the model is made for: then no other bound counts |
 * | rows | `map.batch.rows` |
 * | tokens | `map.batch.tokens`, of rows of uneven length |
 * | memory | what fits in the memory set aside for the inputs and outputs of one batch |
 * | failed | half of what did not fit in the device's memory |
 * | window | the rows of uneven length that are sorted together |
 * | shard | its share of a shard: every lane gets several batches of each |
 * | remembered | the size that an earlier run found to be the fastest |
 * | growth | the size at which this process had grown as far as its memory allows |
 * | speed | the smallest size that no larger one was faster than |
 * | search | the size that is tried at the moment |
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
] as const;
export type BatchBound = (typeof BATCH_BOUNDS)[number];

/** A run of a model costs as much as computing this many rows of most tables. */
export const FEW_ROWS = 32;

/** The size of the batches that a worker makes, and what bounds it. */
export interface BatchInUse {
  readonly rows: number;
  /** The positions that each row is padded to, of rows of uneven length; else null. */
  readonly length: number | null;
  readonly bound: BatchBound;
}
