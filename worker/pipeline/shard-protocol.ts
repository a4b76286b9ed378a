import type { MessagePort } from "node:worker_threads";
import type { ErrorData } from "../../shared/core/errors.ts";
import type { BatchInUse } from "../../shared/domain/batch-in-use.ts";
import type { JobDescription, Lease } from "../../shared/domain/job.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import type { Token } from "../../shared/domain/token.ts";
import type { PositionCounts, StageShares } from "../../shared/domain/worker.ts";
import type { LearnedBatch } from "../batch/batch-sizer.ts";
import type { DataAccess } from "../read/data-access.ts";

/** What a shard thread is started with (`workerData`) that has time to load all, its write thread too. */
export const AHEAD = { isAhead: true } as const;

export function isAhead(workerData: unknown): boolean {
  return (workerData as typeof AHEAD | undefined)?.isAhead === true;
}

/** To a shard thread. */
export type ShardCommand =
  /** Before the first lease of a job. One port a lane. */
  | {
      readonly kind: "openJob";
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
       * A folder on this machine for what is not yet stored; the thread makes and removes its own files in
       * it.
       */
      readonly scratchPath: string;
      /** What an earlier run learned of batches: see the events. */
      readonly learned: LearnedBatch;
    }
  | { readonly kind: "runShard"; readonly lease: Lease; readonly executionId: string }
  /** The lease is lost or handed back: stop at once, say nothing more of it. */
  | { readonly kind: "abandonShard"; readonly token: Token }
  /** The last: abandon what runs, close everything, and end. */
  | { readonly kind: "end" };

/** From a shard thread. */
export type ShardEvent =
  /** Every lane has been given a batch, for the first time. */
  | { readonly kind: "lanesBusy" }
  | { readonly kind: "jobOpened"; readonly jobId: string }
  /** An input file that is not seen here, or is another one here, is read in the next best way. */
  | { readonly kind: "farFile"; readonly path: string }
  /**
   * A file of it, a slice of its lease, is being opened and decoded: the first may be while the shard before
   * is still read.
   */
  | { readonly kind: "fileStarted"; readonly token: Token; readonly slice: number }
  | { readonly kind: "progress"; readonly token: Token; readonly rowsDone: number }
  /** All input of this shard was handed to the lanes: there is room to prefetch another. */
  | { readonly kind: "shardRead"; readonly token: Token }
  /** The partial's files are stored; it may be offered. */
  | { readonly kind: "shardDone"; readonly token: Token; readonly partial: PartialManifest }
  | { readonly kind: "shardFailed"; readonly token: Token; readonly error: ErrorData }
  | { readonly kind: "abandoned"; readonly token: Token }
  | {
      readonly kind: "busy";
      readonly shares: StageShares;
      /** Since the last report, as all of it. */
      readonly positions: PositionCounts;
      /** The size of its batches; null before the first. */
      readonly batch: BatchInUse | null;
      readonly overMs: number;
    }
  /** More is known of how large batches should be. */
  | { readonly kind: "learned"; readonly learned: LearnedBatch }
  /** The thread cannot go on (a trap in a parser, say): its owner replaces it. */
  | { readonly kind: "broken"; readonly error: ErrorData };
