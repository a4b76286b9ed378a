import type { Digest } from "../core/digest.ts";
import { BUCKETS, type BucketRange } from "./buckets.ts";
import type { Field } from "./dataset.ts";
import type { Location } from "./location.ts";
import type { ReductionSpec } from "./reduce-spec.ts";
import { NO_ROWS, type RowCounts } from "./row-counts.ts";
import type { Shard } from "./shard.ts";
import type { StepFile } from "./step-binding.ts";

/**
 * Tasks of a reduction by key. They are the shards of an inner job, whose rows are the buckets. A task for
 * buckets 64 to 127 is the shard of rows 64 to 127. So leases, retries, backups, commits and replay are those
 * of any job.
 */
export interface ReductionTasks {
  readonly name: string;
  readonly spec: ReductionSpec;
  /** Columns of the rows files, used when there is no table. */
  readonly fields: readonly Field[];
  /** File with the list of tables: see {@link TableFile}. */
  readonly list: StepFile;
}

/** Table of one partial. */
export interface TableFile {
  readonly location: Location;
  readonly bytes: number;
  readonly sha256: Digest;
  readonly rows: number;
}

/** Rows of an inner job. */
export const TASK_ROWS = BUCKETS;

export function bucketRangeOf({ rowStart, rowEnd }: Pick<Shard, "rowStart" | "rowEnd">): BucketRange {
  return { from: rowStart, to: rowEnd };
}

/**
 * Returns the counts of a task's partial. Its input rows are buckets. As many of them count as mapped as the
 * result has rows, at most all.
 */
export function taskCounts({ from, to }: BucketRange, rowsOut: number, rowsReduced: number): RowCounts {
  const rowsIn = to - from;
  const rowsMapped = Math.min(rowsIn, rowsOut);
  return { ...NO_ROWS, rowsIn, rowsMapped, rowsFiltered: rowsIn - rowsMapped, rowsOut, rowsReduced };
}
