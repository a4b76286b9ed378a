import type { Digest } from "../core/digest.ts";
import type { JobId } from "../domain/job-id.ts";
import type { JobStores } from "../domain/job-stores.ts";
import type { Location } from "../domain/location.ts";

/** Results of jobs, for programs that serve them. */
export interface ResultsView {
  /** Lists jobs. A job that was submitted again appears with its last run. */
  jobs(): Promise<readonly JobResults[]>;
  /**
   * Lists the combined tables of a running job's committed shards, in plan order. Empty: the job has ended,
   * or has no such reduction.
   */
  combined(jobId: JobId, reduction: string): Promise<readonly CombinedTable[]>;
}

/** Place of a job's results. */
export interface JobResults {
  /** Id of the job. Null: there is a single output without a known job. */
  readonly jobId: JobId | null;
  /** Output folder. */
  readonly output: Location;
  /** Settings for access to the output. */
  readonly stores: JobStores;
  /** True when the output is published. False: the job's committed shards can be read. */
  readonly isPublished: boolean;
  /** Reductions that have combined tables while the job runs. */
  readonly combined: readonly string[];
}

/** Combined table of one committed shard: an immutable Parquet file. */
export interface CombinedTable {
  readonly shard: number;
  readonly location: Location;
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: Digest;
}
