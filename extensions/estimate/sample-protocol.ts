import type { CallContext } from "../../shared/core/remote/peer.ts";
import type { DeviceReport } from "../../shared/domain/accuracy.ts";
import type { Lease } from "../../shared/domain/job.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import type { PositionCounts, StageShares } from "../../shared/domain/worker.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import type { ProcessLayout } from "../../worker/process/start-process.ts";

/** Shard with the slices to read. */
export type SampleShard = Pick<Lease, "shard" | "slices">;

/** Task of a sample process. Plain JSON. */
export interface SampleTask {
  /** Index among the concurrent samples. */
  readonly index: number;
  /** Start time of the process, by the wall clock. */
  readonly startedWallMs: number;
  readonly worker: ProcessLayout["options"];
  readonly job: JobDescription;
  /** Shards to run repeatedly, in this order. */
  readonly shards: readonly SampleShard[];
  readonly scratchPath: string;
}

/** Rows done at a time, in milliseconds since the process started. */
export type Mark = readonly [atMs: number, rows: number];

/** Marks since the last report, in order. */
export interface NewMarks {
  readonly marks: readonly Mark[];
  /** Indices in `marks` at which a shard ended. */
  readonly shardEnds: readonly number[];
}

/** Methods of a sample process. */
export interface SampleMethods {
  /** Runs a worker's pipeline without a coordinator, until its signal aborts. Emits marks as events. */
  run(task: SampleTask, context: CallContext<NewMarks>): Promise<SampleResult>;
}

/** Result of a sample process besides its marks. */
export interface SampleResult {
  /** Peak memory of the process with all its threads. */
  readonly peakBytes: number;
  /** Busy shares of the stages, reported about every second, with their times. */
  readonly busy: readonly (readonly [atMs: number, shares: StageShares])[];
  readonly partials: readonly PartialManifest[];
  /** All positions of uneven rows. */
  readonly positions: PositionCounts;
  /** Comparison of the device with the CPU. Null: not checked. */
  readonly deviceReport: DeviceReport | null;
}
