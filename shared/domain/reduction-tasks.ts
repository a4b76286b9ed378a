import type { Digest } from "../core/digest.ts";
import { BUCKETS, type BucketRange } from "./buckets.ts";
import type { Field, TableFormat } from "./dataset.ts";
import type { Location } from "./location.ts";
import type { ReductionSpec } from "./reduce-spec.ts";
import { NO_ROWS, type RowCounts } from "./row-counts.ts";
import type { RowsForm } from "./rows-form.ts";
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

/** Tasks that write the rows of an output again. The rows of their inner job are the parts of the output. */
export interface RowsTasks {
  readonly name: string;
  readonly rows: {
    /** Format of the partials' rows. */
    readonly format: TableFormat;
    /** Ending of the files, which gives their form: `parquet`, `csv.gz`. */
    readonly ending: string;
    readonly form: RowsForm;
    /** True: the rows of all parts are in one order, so each part is sorted whole. */
    readonly isSortedAcross: boolean;
    /** Columns that name the folders of the parts. The files do not have them. */
    readonly partitionBy: readonly string[];
  };
  /** File with the list of the partials' files, and the rows of each part. */
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
