import { plannedRows } from "./dataset-rows.ts";
import type { LeaseSlice, PlannedJob } from "./job.ts";
import { leaseSlices } from "./lease-slices.ts";
import type { Shard } from "./shard.ts";

/**
 * Stretches of rows: enough to see a dataset that changes along the way, few enough that reading row groups
 * stays quick.
 */
const STRETCHES = 8;

/**
 * About `rows` rows from all over a dataset, but for those that are in no shard, file by file; none of
 * one that is empty.
 */
export function sampleSlices(
  planned: Pick<PlannedJob, "dataset" | "pruned" | "skipped">,
  rows: number,
): LeaseSlice[] {
  const index = plannedRows(planned);
  const { files } = planned.dataset;
  return spreadSample(index.total, rows).flatMap((range) => leaseSlices(files, index, range));
}

/**
 * About `rows` rows of a dataset of `total`, in order, in stretches at even distances; all rows of one that
 * has no more.
 */
function spreadSample(total: number, rows: number): Pick<Shard, "rowStart" | "rowEnd">[] {
  if (total <= rows) return total === 0 ? [] : [{ rowStart: 0, rowEnd: total }];
  const count = Math.min(STRETCHES, rows);
  // What is left out lies in equal parts behind the stretches: so no two of them overlap.
  return Array.from({ length: count }, (_, index) => {
    const leftOut = Math.floor((index * (total - rows)) / count);
    const start = Math.floor((index * rows) / count);
    const end = Math.floor(((index + 1) * rows) / count);
    return { rowStart: start + leftOut, rowEnd: end + leftOut };
  });
}
