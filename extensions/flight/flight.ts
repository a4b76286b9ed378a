import type { Digest } from "../../shared/core/digest.ts";
import type { PartitionValue, TableFormat } from "../../shared/domain/dataset.ts";
import type { JobStores } from "../../shared/domain/job-stores.ts";
import type { Location } from "../../shared/domain/location.ts";

/** One served result. Its rows are the rows of its parts, in order. */
export interface Flight {
  readonly path: readonly string[];
  readonly parts: readonly FlightPart[];
  /** Store settings to reach the parts. */
  readonly stores: JobStores;
  /**
   * True when the output may be republished. Otherwise the parts belong to committed shards and never change.
   */
  readonly isPublished: boolean;
}

/** One file of a flight. */
export interface FlightPart {
  /** Ascending id in tickets: the index in the output, or the shard. */
  readonly id: number;
  readonly location: Location;
  readonly format: TableFormat;
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: Digest;
  /** Partition columns from the file's folders, after the file's own columns. */
  readonly partitions: readonly PartitionValue[];
}
