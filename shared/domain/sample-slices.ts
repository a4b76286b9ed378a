import { plannedRows } from "./dataset-rows.ts";
import type { LeaseSlice, PlannedJob } from "./job.ts";
import { leaseSlices } from "./lease-slices.ts";
import type { Shard } from "./shard.ts";

/**
 * Ranges of a sample. Enough to see a dataset that changes along the way, few enough to read row groups
 * quickly.
 */
const STRETCHES = 8;

/** Returns about `rows` rows from all over the rows in shards, file by file. An empty dataset has none. */
export function sampleSlices(
  planned: Pick<PlannedJob, "dataset" | "pruned" | "skipped">,
  rows: number,
): LeaseSlice[] {
  const index = plannedRows(planned);
  const { files } = planned.dataset;
  return spreadSample(index.total, rows).flatMap((range) => leaseSlices(files, index, range));
}

/**
 * Returns about `rows` of `total` rows, in order, in evenly spaced ranges. Returns all rows if there are no
 * more.
 */
function spreadSample(total: number, rows: number): Pick<Shard, "rowStart" | "rowEnd">[] {
  if (total <= rows) return total === 0 ? [] : [{ rowStart: 0, rowEnd: total }];
  const count = Math.min(STRETCHES, rows);
  // Skipped rows lie in equal parts before the ranges, so no two ranges overlap.
  return Array.from({ length: count }, (_, index) => {
    const skippedRows = Math.floor((index * (total - rows)) / count);
    const start = Math.floor((index * rows) / count);
    const end = Math.floor(((index + 1) * rows) / count);
    return { rowStart: start + skippedRows, rowEnd: end + skippedRows };
  });
}
