import type { TensorData } from "../../shared/domain/tensor.ts";
import type { BatchRuns } from "./run-in-turn.ts";

export interface InferResult {
  readonly outputs: Readonly<Record<string, TensorData>>;
  /** Input buffers, returned for reuse. */
  readonly feeds: Readonly<Record<string, TensorData>>;
  readonly runMs: number;
}

/**
 * Lanes of a device, as a shard's pipeline uses them. Implemented by `LanePool` over message ports to lane
 * threads. In tests: a function.
 */
export interface Lanes {
  readonly count: number;
  /**
   * Runs one batch on the lane with the shortest queue. `feeds` are transferred and unusable afterwards.
   *
   * @param runs runs of the batch, one after another. Null: one run
   * @throws {OUT_OF_MEMORY} when the batch is too big for the device
   * @throws {MODEL_FAILED} when the model fails on these rows
   */
  infer(
    feeds: Readonly<Record<string, TensorData>>,
    outputs: readonly string[],
    runs: BatchRuns | null,
    signal: AbortSignal,
  ): Promise<InferResult>;
}
