import type { MessagePort } from "node:worker_threads";
import type { ErrorData } from "../../shared/core/errors.ts";
import type { ConcreteDevice } from "../../shared/domain/device.ts";
import type { TensorData } from "../../shared/domain/tensor.ts";
import type { FixedBatch } from "./fixed-batch.ts";

/** What a lane thread is started with (`workerData`). */
export interface LaneOptions {
  /** Where the model's bytes are, on this machine. */
  readonly modelPath: string;
  readonly device: ConcreteDevice;
  readonly threads: number;
  /** Null where the model takes batches of any size. */
  readonly fixedBatch: FixedBatch | null;
}

/** Methods of a lane's thread. */
export interface LaneThreadMethods {
  /** Waits until the model is loaded. @returns how long that took, in ms */
  load(argument: null): Promise<number>;
  /** A shard thread gets the other end of `port`, and talks to the lane directly. */
  serve(port: MessagePort): void;
}

/** Methods of its owner. */
export interface LaneThreadOwner {
  /** The device is lost. */
  broken(error: ErrorData): void;
}

/**
 * One `session.run`, or several where the model's batch is fixed. The buffers of `feeds` are transferred: the
 * lane owns them from here on.
 */
export interface InferRequest {
  readonly id: number;
  readonly feeds: Readonly<Record<string, TensorData>>;
  /** The outputs that are used; others are not asked for. */
  readonly outputs: readonly string[];
}

/** The buffers of `outputs` are transferred back; `feeds` too, to be filled again. */
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

/** The transfer list of a set of tensors: every buffer once, however many tensors lie in it. */
export function buffersOf(...sets: readonly Readonly<Record<string, TensorData>>[]): ArrayBuffer[] {
  return [...new Set(sets.flatMap((tensors) => Object.values(tensors).map(({ data }) => data)))];
}
