import type { Digest } from "../core/digest.ts";
import type { JobId } from "../domain/job-id.ts";
import type { JobStores } from "../domain/job-stores.ts";
import type { Location } from "../domain/location.ts";

/** Results of jobs, as a face sees them that serves them. */
export interface ResultsView {
  /** Lists jobs: of a job that was submitted again, its last run. */
  jobs(): Promise<readonly JobResults[]>;
  /**
   * Lists the combined tables of a running job's committed shards, in plan order. Empty: the job has ended,
   * or has no such reduction.
   */
  combined(jobId: JobId, reduction: string): Promise<readonly CombinedTable[]>;
}

/** Place of a job's results. */
export interface JobResults {
  /** Null: there is one output alone, and no job of it is known. */
  readonly jobId: JobId | null;
  /** Output folder. */
  readonly output: Location;
  /** Settings by which the output is reached. */
  readonly stores: JobStores;
  /** Whether the output is published. Else the job's committed shards can be read. */
  readonly isPublished: boolean;
  /** Reductions that have combined tables while the job runs. */
  readonly combined: readonly string[];
}

/** Combined table of one committed shard: a Parquet file that does not change. */
export interface CombinedTable {
  readonly shard: number;
  readonly location: Location;
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: Digest;
}
