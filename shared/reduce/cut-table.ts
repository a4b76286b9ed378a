import { type GroupsCut, keepGroups, readFooterGroups } from "../dataset/parquet-groups.ts";
import { readStatistics } from "../dataset/parquet-statistics.ts";
import { BUCKET_COLUMN, type BucketRange } from "../domain/buckets.ts";
import type { ColumnStatistics } from "../domain/column-statistics.ts";
import type { Field } from "../domain/dataset.ts";

const BUCKET_FIELD: Field = {
  name: BUCKET_COLUMN,
  type: { kind: "numeric", type: "int16" },
  nullable: true,
};

/**
 * Cuts a combined table down to the row groups that may have rows of some buckets. Keeps a row group without
 * usable statistics. Null: the footer is invalid, or describes another table.
 */
export function cutTable(
  footer: Uint8Array,
  table: { readonly bytes: number; readonly rows: number },
  range: BucketRange,
): GroupsCut | null {
  const groups = readFooterGroups(footer);
  const statistics = readStatistics(footer, [BUCKET_FIELD]);
  if (groups === null || statistics === null) return null;
  if (groups.reduce((sum, { rows }) => sum + rows, 0) !== table.rows) return null;
  const keeps = (index: number) => !isOutside(statistics[index]?.[BUCKET_COLUMN], range);
  const kept = groups.filter((_, index) => keeps(index));
  const ranges = kept.flatMap((group) => group.ranges);
  if (ranges.some(({ end }) => end > table.bytes - footer.length)) return null;
  return { ranges, footer: keepGroups(footer, keeps) };
}

function isOutside(statistics: ColumnStatistics | undefined, { from, to }: BucketRange): boolean {
  const { least = null, greatest = null } = statistics ?? {};
  if (least === null || greatest === null || Number(least) > Number(greatest)) return false;
  return Number(greatest) < from || Number(least) >= to;
}
