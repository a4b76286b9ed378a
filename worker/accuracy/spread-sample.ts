import { type Shard, shardRows } from "../../shared/domain/shard.ts";

/** Rows `[rowStart, rowEnd)` of one file of the dataset. */
export type SampleRange = Pick<Shard, "file" | "rowStart" | "rowEnd">;

/** Stretches of rows: enough to see a dataset that changes along the way, few enough that reading row groups stays quick. */
const STRETCHES = 8;

/** About `rows` rows of a plan, in its order, in stretches at even distances; all rows of a plan that has no more. */
export function spreadSample(shards: readonly Shard[], rows: number): SampleRange[] {
  const total = shards.reduce((sum, shard) => sum + shardRows(shard), 0);
  if (total <= rows) return shards.filter((shard) => shardRows(shard) > 0).map(rangeOf);
  const count = Math.min(STRETCHES, rows);
  // What is left out lies in equal parts behind the stretches: so no two of them overlap.
  return Array.from({ length: count }, (_, index) => {
    const leftOut = Math.floor((index * (total - rows)) / count);
    const start = Math.floor((index * rows) / count);
    const end = Math.floor(((index + 1) * rows) / count);
    return cut(shards, start + leftOut, end + leftOut);
  }).flat();
}

/** Rows `[start, end)` of all, counted over the shards. */
function cut(shards: readonly Shard[], start: number, end: number): SampleRange[] {
  const ranges: SampleRange[] = [];
  let before = 0;
  for (const shard of shards) {
    const from = Math.max(start - before, 0);
    const to = Math.min(end - before, shardRows(shard));
    if (from < to)
      ranges.push({ file: shard.file, rowStart: shard.rowStart + from, rowEnd: shard.rowStart + to });
    before += shardRows(shard);
  }
  return ranges;
}

function rangeOf({ file, rowStart, rowEnd }: Shard): SampleRange {
  return { file, rowStart, rowEnd };
}
