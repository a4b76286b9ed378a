import type { ErrorData } from "../core/errors.ts";
import type { PackedTable } from "../dataset/packed-table.ts";
import type { StepDeclaration } from "./loaded-step.ts";
import type { FailedRow } from "./run-task.ts";

/** To a module thread. One `run` at a time. */
export type ModuleCommand =
  | {
      readonly kind: "run";
      /** The columns that the step reads. Its buffers are transferred. */
      readonly batch: PackedTable;
      /** The columns that are wanted, of those that the step makes. */
      readonly made: readonly string[];
      /** Rows that the thread before this one ended with. */
      readonly lost: readonly FailedRow[];
      /** One row at a time, so that it is known which one the thread ends with. */
      readonly isCareful: boolean;
    }
  /** Close what was opened; the thread ends by itself. */
  | { readonly kind: "end" };

/** From a module thread: `loaded` or `broken` first, then one of the others for each `run`. */
export type ModuleEvent =
  | { readonly kind: "loaded"; readonly declaration: StepDeclaration }
  | { readonly kind: "broken"; readonly error: ErrorData }
  | {
      readonly kind: "done";
      /** Its buffers are transferred. */
      readonly made: PackedTable;
      readonly sources: Uint32Array<ArrayBuffer>;
      /** By their places in `made`. */
      readonly failed: readonly FailedRow[];
    }
  | { readonly kind: "failed"; readonly error: ErrorData };
