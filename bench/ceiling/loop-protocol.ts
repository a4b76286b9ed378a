import type { ErrorData } from "../../shared/core/errors.ts";
import type { LoopBatching } from "./loop-rows.ts";
import type { LoopOptions } from "./loop-work.ts";

/** Start options of a loop's thread. */
export interface LoopThreadOptions extends LoopOptions {
  /** One int32. The thread runs while it is zero. */
  readonly stop: SharedArrayBuffer;
}

export type LoopCommand =
  | { readonly kind: "prepare"; readonly batching: LoopBatching }
  | { readonly kind: "go" };

export type LoopEvent =
  | { readonly kind: "ready" }
  /** End of the first pass over all rows. */
  | { readonly kind: "passed" }
  | { readonly kind: "done"; readonly rows: number; readonly ms: number }
  | { readonly kind: "failed"; readonly error: ErrorData };
