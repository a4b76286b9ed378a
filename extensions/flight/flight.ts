import type { PartitionValue, TableFormat } from "../../shared/domain/dataset.ts";
import type { JobStores } from "../../shared/domain/job-stores.ts";
import type { Location } from "../../shared/domain/location.ts";

/** One result that is served: its rows are those of its parts, in order. */
export interface Flight {
  readonly path: readonly string[];
  readonly parts: readonly FlightPart[];
  /** By which they are reached. */
  readonly stores: JobStores;
  /** Its output may be published anew. Else its parts are of committed shards, and stay what they are. */
  readonly isPublished: boolean;
}

/** One file of a flight. */
export interface FlightPart {
  /** What tickets name it by, rising: its place in the output, or the shard that it is of. */
  readonly id: number;
  readonly location: Location;
  readonly format: TableFormat;
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: string;
  /** Columns that its rows have by the folders it lies in, behind those of the file. */
  readonly partitions: readonly PartitionValue[];
}

/** A job whose results are served, as its owner knows it. */
export interface ServedJob {
  /** Its id, which its flights' paths begin with; null where there is one job alone, and they do not. */
  readonly jobId: string | null;
  /** The output folder. */
  readonly output: Location;
  /** What the job says of its stores. */
  readonly stores: JobStores;
  /** Else its committed shards can be looked at. */
  readonly isPublished: boolean;
  /** While it runs: the reductions of which shards have combined tables. */
  readonly combined: readonly string[];
}

/** Who knows what is served: whoever runs the jobs, or was told a folder. */
export interface FlightOwner {
  jobs(): Promise<readonly ServedJob[]>;
  /** The combined tables of a running job's committed shards, in plan order; none once it has ended. */
  combined(jobId: string, reduction: string): Promise<readonly FlightPart[]>;
}
