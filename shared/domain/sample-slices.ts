import type { InputFile } from "./dataset.ts";
import { DatasetRows } from "./dataset-rows.ts";
import type { LeaseSlice } from "./job.ts";
import { leaseSlices } from "./lease-slices.ts";
import { spreadSample } from "./spread-sample.ts";

/** About `rows` rows from all over a dataset, file by file; none of one that is empty. */
export function sampleSlices(files: readonly InputFile[], rows: number): LeaseSlice[] {
  const index = new DatasetRows(files.map((file) => file.rows));
  return spreadSample(index.total, rows).flatMap((range) => leaseSlices(files, index, range));
}
