import type { CallContext } from "../../shared/core/remote/peer.ts";
import type { DeviceReport } from "../../shared/domain/accuracy.ts";
import type { Lease } from "../../shared/domain/job.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import type { PositionCounts, StageShares } from "../../shared/domain/worker.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import type { ProcessLayout } from "../../worker/process/start-process.ts";

/** A shard, with what must be known to read it. */
export type SampleShard = Pick<Lease, "shard" | "slices">;

/** Task of a sample process: plain JSON. */
export interface SampleTask {
  /** Its place among those that run at once. */
  readonly index: number;
  /** When it was started, on the clock of the wall. */
  readonly startedWallMs: number;
  readonly worker: ProcessLayout["options"];
  readonly job: JobDescription;
  /** Run over and over, in this order. */
  readonly shards: readonly SampleShard[];
  readonly scratchPath: string;
}

/** Rows done at a moment, in milliseconds since the process was started. */
export type Mark = readonly [atMs: number, rows: number];

/** Marks since the last report, in their order. */
export interface NewMarks {
  readonly marks: readonly Mark[];
  /** The places in `marks` of those at which a shard ended. */
  readonly shardEnds: readonly number[];
}

/** Methods of a sample process. */
export interface SampleMethods {
  /** Runs a worker's pipeline without a coordinator, until its signal aborts. Reports marks as events. */
  run(task: SampleTask, context: CallContext<NewMarks>): Promise<SampleResult>;
}

/** What a sample process found, beside its marks. */
export interface SampleResult {
  /** The most memory that it held, with all of its threads. */
  readonly peakBytes: number;
  /** The busy shares of its stages, as it reported them about each second, with the moment of each. */
  readonly busy: readonly (readonly [atMs: number, shares: StageShares])[];
  readonly partials: readonly PartialManifest[];
  /** Of uneven rows, all there were. */
  readonly positions: PositionCounts;
  /** How the device compares with the CPU; null where it was not checked. */
  readonly deviceReport: DeviceReport | null;
}
