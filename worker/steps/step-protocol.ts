import type { CallContext, Transferred } from "../../shared/core/remote/peer.ts";
import type { PackedTable } from "../../shared/dataset/packed-table.ts";
import type { JobStores } from "../../shared/domain/job-stores.ts";
import type { StepBinding } from "../../shared/domain/step-binding.ts";
import type { NotedRows } from "../../shared/steps/noted-rows.ts";
import type { RowFailure } from "../../shared/steps/step.ts";

/** Data that a step thread starts with (`workerData`): it serves one stage of one job. */
export interface StepThreadOptions {
  readonly steps: readonly StepBinding[];
  /** A folder of this machine: the steps make and remove their own files in it. */
  readonly scratchPath: string;
  readonly stores: JobStores;
}

/** Methods of a step thread. One `run` at a time. */
export interface StepThreadMethods {
  /** The batch's buffers are transferred, as those of the answer are. */
  run(batch: PackedTable, context: CallContext): Promise<Transferred<StepAnswer>>;
}

export interface StepAnswer {
  readonly made: PackedTable;
  readonly sources: Uint32Array<ArrayBuffer> | null;
  readonly failed: readonly RowFailure[];
  readonly noted: NotedRows;
}

/** Methods of its owner. */
export interface StepThreadOwner {
  /** How long the steps took for a record batch, before its answer, whatever that is. */
  busy(ms: number): void;
}
