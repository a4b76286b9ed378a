import type { ErrorData } from "../../shared/core/errors.ts";
import type { LoopBatching } from "./loop-rows.ts";
import type { LoopOptions } from "./loop-work.ts";

/** What a loop's thread is started with. */
export interface LoopThreadOptions extends LoopOptions {
  /** One int32: while it is zero the thread goes on. */
  readonly stop: SharedArrayBuffer;
}

export type LoopCommand =
  | { readonly kind: "prepare"; readonly batching: LoopBatching }
  | { readonly kind: "go" };

export type LoopEvent =
  | { readonly kind: "ready" }
  /** All rows were gone over once. */
  | { readonly kind: "passed" }
  | { readonly kind: "done"; readonly rows: number; readonly ms: number }
  | { readonly kind: "failed"; readonly error: ErrorData };
