import type { Digest } from "../../shared/core/digest.ts";
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
  readonly sha256: Digest;
  /** Columns that its rows have by the folders it lies in, behind those of the file. */
  readonly partitions: readonly PartitionValue[];
}
