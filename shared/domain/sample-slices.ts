import { plannedRows } from "./dataset-rows.ts";
import type { LeaseSlice, PlannedJob } from "./job.ts";
import { leaseSlices } from "./lease-slices.ts";
import { spreadSample } from "./spread-sample.ts";

/**
 * About `rows` rows from all over a dataset, but for its pruned ones, file by file; none of one that is
 * empty.
 */
export function sampleSlices(planned: Pick<PlannedJob, "dataset" | "pruned">, rows: number): LeaseSlice[] {
  const index = plannedRows(planned);
  const { files } = planned.dataset;
  return spreadSample(index.total, rows).flatMap((range) => leaseSlices(files, index, range));
}
