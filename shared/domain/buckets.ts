/**
 * Buckets of keys. A reduction by key divides its rows by a hash of their keys. Each shard's table is ordered
 * by bucket. So the reader of some buckets reads only their part of the file.
 */

/** Number of buckets. It is part of the mapping, because the tables of all shards are read together. */
export const BUCKETS = 4096;

/** Column of a table in the order of its buckets. No column of a user has this name. */
export const BUCKET_COLUMN = "shardmill:bucket";

/** Bytes of the tables that one part of a reduction reads, about. */
const PART_BYTES = 32 * 1024 * 1024;

/** Buckets `from` to `to - 1`. */
export interface BucketRange {
  readonly from: number;
  readonly to: number;
}

/**
 * Divides all buckets into ranges of equal size: as many as the tables need, and at least one. The ranges
 * depend on the tables alone, so every run of the reduction makes the same parts.
 *
 * @param bytes of the tables of all shards
 */
export function divideBuckets(bytes: number, partBytes = PART_BYTES): readonly BucketRange[] {
  const count = Math.min(BUCKETS, Math.max(1, Math.ceil(bytes / partBytes)));
  const start = (index: number) => Math.floor((index * BUCKETS) / count);
  return Array.from({ length: count }, (_, index) => ({ from: start(index), to: start(index + 1) }));
}
