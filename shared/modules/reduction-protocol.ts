import type { ErrorData } from "../core/errors.ts";
import type { PackedTable } from "../dataset/packed-table.ts";
import type { ReductionDeclaration, ReductionHalf } from "./loaded-reduction.ts";

/** To a thread that reduces. One `run` at a time. */
export type ReductionCommand =
  | { readonly kind: "run"; readonly half: ReductionHalf }
  /** The answer to `more`; null: there are no more. Its buffers are transferred. */
  | { readonly kind: "batch"; readonly batch: PackedTable | null }
  /** The thread ends by itself. */
  | { readonly kind: "end" };

/** From it: `loaded` or `broken` first; then for each `run` some `more`, and one `done` or `failed`. */
export type ReductionEvent =
  | { readonly kind: "loaded"; readonly declaration: ReductionDeclaration }
  | { readonly kind: "broken"; readonly error: ErrorData }
  | { readonly kind: "more" }
  /** Its buffers are transferred. */
  | { readonly kind: "done"; readonly table: PackedTable }
  | { readonly kind: "failed"; readonly error: ErrorData };
