import type { MessagePort } from "node:worker_threads";
import type { ErrorData } from "../../shared/core/errors.ts";
import type { ConcreteDevice } from "../../shared/domain/device.ts";
import type { TensorData } from "../../shared/domain/tensor.ts";
import type { BatchRuns } from "./run-in-turn.ts";

/** `workerData` of a lane thread. */
export interface LaneOptions {
  /** Path of the model on this machine. */
  readonly modelPath: string;
  readonly device: ConcreteDevice;
  readonly threads: number;
  /** Memory from `SharedHandle.buffer` for one session of all lanes. Null: each lane has its own session. */
  readonly shared: SharedArrayBuffer | null;
}

/** Methods of a lane's thread. */
export interface LaneThreadMethods {
  /**
   * Waits until the model is loaded.
   *
   * @returns load time in ms
   */
  load(argument: null): Promise<number>;
  /** Serves requests from `port`. A shard thread gets the opposite port, and uses the lane directly. */
  serve(port: MessagePort): void;
}

/** Methods of the thread's owner. */
export interface LaneThreadOwner {
  /** Called when the device is lost. */
  broken(error: ErrorData): void;
}

/**
 * Request of one `session.run`, or of several. The buffers of `feeds` are transferred, and belong to the
 * lane.
 */
export interface InferRequest {
  readonly id: number;
  readonly feeds: Readonly<Record<string, TensorData>>;
  /** Outputs to compute. */
  readonly outputs: readonly string[];
  /** Runs of a batch that is too large for one. Null: the session runs the whole batch. */
  readonly runs: BatchRuns | null;
}

/** Reply of a lane. The buffers of `outputs` are transferred back, as are those of `feeds`, for reuse. */
export type InferReply =
  | {
      readonly id: number;
      readonly kind: "done";
      readonly outputs: Readonly<Record<string, TensorData>>;
      readonly feeds: Readonly<Record<string, TensorData>>;
      readonly runMs: number;
    }
  | {
      readonly id: number;
      readonly kind: "failed";
      readonly error: ErrorData;
      readonly feeds: Readonly<Record<string, TensorData>>;
    };

/** Returns the transfer list of tensors, with each buffer once. */
export function buffersOf(...sets: readonly Readonly<Record<string, TensorData>>[]): ArrayBuffer[] {
  return [...new Set(sets.flatMap((tensors) => Object.values(tensors).map(({ data }) => data)))];
}
