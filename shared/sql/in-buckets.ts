import { BUCKET_COLUMN, BUCKETS, type BucketRange } from "../domain/buckets.ts";
import { quoteIdentifier } from "./quote.ts";

/**
 * Settings of a Parquet file in the order of buckets. A reader of some buckets reads whole row groups, so
 * large groups cost reads, and small ones cost bytes. LZ4 writes twice as fast as zstd, in 1.5 times the
 * bytes.
 */
export const BUCKET_SETTINGS = "COMPRESSION lz4_raw, ROW_GROUP_SIZE 16384";

const BUCKET = quoteIdentifier(BUCKET_COLUMN);
const ROW = quoteIdentifier("shardmill:row");
/** Bits of a hash below those that number the bucket. */
const SHIFT = 64 - Math.log2(BUCKETS);

/**
 * Returns a SELECT of the rows of another one, in the order of their buckets. A column has their numbers.
 * Rows of a bucket keep their order. DuckDB hashes equal keys alike, also null, NaN, and both zeros.
 *
 * @param by key columns of `select`
 */
export function inBuckets(select: string, by: readonly string[]): string {
  const keys = by.map(quoteIdentifier).join(", ");
  const numbered = `SELECT *, (hash(${keys}) >> ${SHIFT})::SMALLINT AS ${BUCKET}, row_number() OVER () AS ${ROW}`;
  return `SELECT * EXCLUDE (${ROW}) FROM (${numbered} FROM (${select})) ORDER BY ${BUCKET}, ${ROW}`;
}

/** Returns a SELECT of the rows of some buckets, with their numbers. `scan` reads files in their order. */
export function selectBuckets(scan: string, { from, to }: BucketRange): string {
  return `SELECT * FROM ${scan} WHERE ${BUCKET} BETWEEN ${from} AND ${to - 1}`;
}

/** Returns the same rows as a table expression, without the numbers. */
export function bucketsOf(scan: string, range: BucketRange): string {
  return `(SELECT * EXCLUDE (${BUCKET}) FROM (${selectBuckets(scan, range)}))`;
}
