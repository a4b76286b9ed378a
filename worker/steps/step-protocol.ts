import type { CallContext, Transferred } from "../../shared/core/remote/peer.ts";
import type { PackedTable } from "../../shared/dataset/packed-table.ts";
import type { JobStores } from "../../shared/domain/job-stores.ts";
import type { Shard } from "../../shared/domain/shard.ts";
import type { StepBinding } from "../../shared/domain/step-binding.ts";
import type { StepJob } from "../../shared/domain/step-job.ts";
import type { NotedRows } from "../../shared/steps/noted-rows.ts";
import type { RowFailure } from "../../shared/steps/step.ts";

/** `workerData` of a step thread, which serves one stage of one job. */
export interface StepThreadOptions {
  readonly steps: readonly StepBinding[];
  /** Folder on this machine, where the steps make and remove their own files. */
  readonly scratchPath: string;
  readonly stores: JobStores;
  /** Facts of the job. Default: the steps run outside of a job. */
  readonly job?: StepJob;
}

export interface StepRun {
  readonly batch: PackedTable;
  /** Shard of the rows. Undefined: they are of none. */
  readonly shard: Shard | undefined;
}

/** Methods of a step thread. One `run` at a time, unless a step waits. */
export interface StepThreadMethods {
  /** Runs the steps on a batch. The buffers of the batch and of the result are transferred. */
  run(run: StepRun, context: CallContext): Promise<Transferred<StepAnswer>>;
}

export interface StepAnswer {
  readonly made: PackedTable;
  readonly sources: Uint32Array<ArrayBuffer> | null;
  readonly failed: readonly RowFailure[];
  readonly noted: NotedRows;
}

/** Methods of the thread's owner. */
export interface StepThreadOwner {
  /** Reports the steps' time for a record batch, before its reply, even if it failed. */
  busy(ms: number): void;
}
