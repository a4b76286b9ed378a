import { readGroupBytes } from "../dataset/parquet-group-bytes.ts";
import { readStatistics } from "../dataset/parquet-statistics.ts";
import { BUCKET_COLUMN, type BucketRange } from "../domain/buckets.ts";
import type { ColumnStatistics } from "../domain/column-statistics.ts";
import type { Field } from "../domain/dataset.ts";
import type { ByteRange } from "../storage/plan-ranges.ts";

const BUCKET_FIELD: Field = {
  name: BUCKET_COLUMN,
  type: { kind: "numeric", type: "int16" },
  nullable: true,
};

/**
 * Returns the bytes of a combined table that a reader of some buckets may read: everything but the row groups
 * whose statistics exclude those buckets. So bloom filters are among them, wherever they are. Null: the
 * footer is invalid, or does not fit the table.
 */
export function tableRanges(
  footer: Uint8Array,
  table: { readonly bytes: number; readonly rows: number },
  range: BucketRange,
): readonly ByteRange[] | null {
  const groups = readGroupBytes(footer);
  const statistics = readStatistics(footer, [BUCKET_FIELD]);
  if (groups === null || statistics === null) return null;
  if (groups.reduce((sum, { rows }) => sum + rows, 0) !== table.rows) return null;
  const ranges: { start: number; end: number }[] = [];
  let at = 0;
  for (const [index, { start, end }] of groups.entries()) {
    // Other row groups may not lie in bytes that are skipped.
    if (start < at || end > table.bytes) return null;
    if (isOutside(statistics[index]?.[BUCKET_COLUMN], range)) {
      if (at < start) ranges.push({ start: at, end: start });
    } else ranges.push({ start: at, end });
    at = end;
  }
  return [...ranges, { start: at, end: table.bytes }];
}

/** Checks whether DuckDB, too, knows that a row group has no row of these buckets. */
function isOutside(statistics: ColumnStatistics | undefined, { from, to }: BucketRange): boolean {
  const { least = null, greatest = null } = statistics ?? {};
  if (least === null || greatest === null || Number(least) > Number(greatest)) return false;
  return Number(greatest) < from || Number(least) >= to;
}
