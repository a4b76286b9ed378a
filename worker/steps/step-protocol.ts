import type { ErrorData } from "../../shared/core/errors.ts";
import type { PackedTable } from "../../shared/dataset/packed-table.ts";
import type { JobStores } from "../../shared/domain/job-stores.ts";
import type { StepBinding } from "../../shared/domain/step-binding.ts";
import type { NotedRows } from "../../shared/steps/noted-rows.ts";
import type { RowFailure } from "../../shared/steps/step.ts";

/** What a step thread is started with (`workerData`): it serves one stage of one job. */
export interface StepThreadOptions {
  readonly steps: readonly StepBinding[];
  /** A folder of this machine: the steps make and remove their own files in it. */
  readonly scratchPath: string;
  readonly stores: JobStores;
}

/** To a step thread. */
export type StepCommand =
  /** A record batch; the next comes when this one is answered. Its buffers are transferred. */
  | { readonly kind: "run"; readonly batch: PackedTable }
  /** Nobody wants the answer any more: it comes as soon as it can. */
  | { readonly kind: "abandon" }
  /** The last: abandon what runs, and end. */
  | { readonly kind: "end" };

/** From a step thread: one for each `run`, an abandoned one too. */
export type StepEvent =
  | {
      readonly kind: "done";
      /** Its buffers are transferred, as that of `sources` is. */
      readonly made: PackedTable;
      readonly sources: Uint32Array<ArrayBuffer> | null;
      readonly failed: readonly RowFailure[];
      readonly noted: NotedRows;
      readonly busyMs: number;
    }
  | { readonly kind: "failed"; readonly error: ErrorData; readonly busyMs: number };
