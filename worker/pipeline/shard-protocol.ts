import type { MessagePort } from "node:worker_threads";
import type { CallContext } from "../../shared/core/remote/peer.ts";
import type { BatchInUse } from "../../shared/domain/batch-in-use.ts";
import type { ExecutionId } from "../../shared/domain/execution-id.ts";
import type { Lease } from "../../shared/domain/job.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import type { PositionCounts, StageShares } from "../../shared/domain/worker.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import type { LearnedBatch } from "../batch/batch-sizer.ts";
import type { DataAccess } from "../read/data-access.ts";

/** What a shard thread is started with (`workerData`) that has time to load all, its write thread too. */
export const AHEAD = { isAhead: true } as const;

export function isAhead(workerData: unknown): boolean {
  return (workerData as typeof AHEAD | undefined)?.isAhead === true;
}

/** Job of a shard thread. One port a lane. */
export interface ShardThreadJob {
  readonly job: JobDescription;
  /** Ways to reach the input, the nearest first: which one it is is found out file by file. */
  readonly input: readonly [DataAccess, ...DataAccess[]];
  readonly output: DataAccess;
  readonly lanePorts: readonly MessagePort[];
  /** Threads that feed these lanes, this one among them. */
  readonly shardThreads: number;
  /** Threads for the steps of each stage, of this shard thread alone. */
  readonly stepThreads: number;
  /**
   * A folder on this machine for what is not yet stored. The thread makes and removes its own files in it.
   */
  readonly scratchPath: string;
  /** Batch sizes that an earlier run learned: see `ShardThreadOwner`. */
  readonly learned: LearnedBatch;
}

/** Methods of a shard thread. */
export interface ShardThreadMethods {
  /** Before the first lease of a job. */
  openJob(job: ShardThreadJob): Promise<void>;
  /** Returns once the partial's files are stored: it may be offered. */
  runShard(shard: LeasedShard, context: CallContext<ShardEvent>): Promise<PartialManifest>;
}

export interface LeasedShard {
  readonly lease: Lease;
  readonly executionId: ExecutionId;
}

/** Events of a shard that runs. */
export type ShardEvent =
  /**
   * A file of it, a slice of its lease, is being opened and decoded: the first may be while the shard before
   * is still read.
   */
  | { readonly kind: "fileStarted"; readonly slice: number }
  | { readonly kind: "progress"; readonly rowsDone: number }
  /** All input of this shard was handed to the lanes: there is room to prefetch another. */
  | { readonly kind: "shardRead" };

/** Methods of the owner of a shard thread. */
export interface ShardThreadOwner {
  /** Every lane has been given a batch, for the first time. */
  lanesBusy(argument: null): void;
  /** An input file that is not seen here, or is another one here, is read in the next best way. */
  farFile(path: string): void;
  busy(report: BusyReport): void;
  /** More is known of how large batches should be. */
  learned(learned: LearnedBatch): void;
}

interface BusyReport {
  readonly shares: StageShares;
  /** Since the last report, as all of it. */
  readonly positions: PositionCounts;
  /** The size of its batches. Null before the first. */
  readonly batch: BatchInUse | null;
  readonly overMs: number;
}
