import type { MessagePort } from "node:worker_threads";
import type { CallContext } from "../../shared/core/remote/peer.ts";
import type { BatchInUse } from "../../shared/domain/batch-in-use.ts";
import type { ExecutionId } from "../../shared/domain/execution-id.ts";
import type { Lease } from "../../shared/domain/job.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import type { StepJob } from "../../shared/domain/step-job.ts";
import type { PositionCounts, StageShares } from "../../shared/domain/worker.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import type { LearnedBatch } from "../batch/batch-sizer.ts";
import type { DataAccess } from "../read/data-access.ts";

/** Job of a shard thread. */
export interface ShardThreadJob {
  readonly job: JobDescription;
  /** Ways to the input, nearest first. The way is chosen for each file. */
  readonly input: readonly [DataAccess, ...DataAccess[]];
  readonly output: DataAccess;
  /** One port for each lane. Null: the job has no model. */
  readonly lanePorts: readonly MessagePort[] | null;
  /** Stages before the last one. */
  readonly stages: readonly StagePorts[];
  /** Threads that feed these lanes, including this one. */
  readonly shardThreads: number;
  /** Cores that all these threads may use. */
  readonly cores: number;
  /** Facts of the job for its steps. Default: they run outside of a job. */
  readonly ofJob?: StepJob;
  /**
   * Folder on this machine for data that is not yet stored. The thread makes and removes its own files there.
   */
  readonly scratchPath: string;
  /** Batch sizes that an earlier run learned: see `ShardThreadOwner`. */
  readonly learned: LearnedBatch;
}

/** Lanes of a stage before the last one. */
interface StagePorts {
  /** One port for each lane. */
  readonly lanePorts: readonly MessagePort[];
  /** Batch sizes that an earlier run learned. */
  readonly learned: LearnedBatch;
}

/** Methods of a shard thread. */
export interface ShardThreadMethods {
  /** Opens a job, before its first lease. The thread serves one job at a time. */
  openJob(job: ShardThreadJob): Promise<void>;
  /** Runs a shard. Returns once the partial's files are stored, so the partial may be offered. */
  runShard(shard: LeasedShard, context: CallContext<ShardEvent>): Promise<PartialManifest>;
  /** Closes the job. No shard may be running. */
  closeJob(argument: null): Promise<void>;
}

export interface LeasedShard {
  readonly lease: Lease;
  readonly executionId: ExecutionId;
}

/** Events of a running shard. */
export type ShardEvent =
  /**
   * A file of the lease's slice is being opened and decoded. For the first file, the previous shard may still
   * be read.
   */
  | { readonly kind: "fileStarted"; readonly slice: number }
  | { readonly kind: "progress"; readonly rowsDone: number }
  /** All input of this shard was passed to the lanes, so another can be prefetched. */
  | { readonly kind: "shardRead" };

/** Methods of the owner of a shard thread. */
export interface ShardThreadOwner {
  /** Called when every lane has got its first batch. */
  lanesBusy(argument: null): void;
  /** Called when an input file is not visible here, or differs, and is read on another way. */
  farFile(path: string): void;
  busy(report: BusyReport): void;
  /** Called when the thread has learned batch sizes. */
  learned(news: LearnedNews): void;
}

export interface LearnedNews {
  readonly learned: LearnedBatch;
  /** Index of a stage before the last one. Null: the last one, or the only model. */
  readonly stage: number | null;
}

interface BusyReport {
  readonly shares: StageShares;
  /** Positions since the last report. */
  readonly positions: PositionCounts;
  /** Batch size. Null before the first batch. */
  readonly batch: BatchInUse | null;
  readonly overMs: number;
}
