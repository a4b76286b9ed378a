import type { ConcreteDevice } from "../../shared/domain/device.ts";
import type { FeedSpec } from "./workloads.ts";

/** Model that runs alone, on random tensors. Plain JSON. */
export interface LoopModel {
  readonly modelPath: string;
  readonly device: ConcreteDevice;
  /** Threads of each session. */
  readonly threads: number;
  readonly feeds: readonly FeedSpec[];
  readonly lengths: readonly number[] | null;
  readonly output: string;
}

/** Task of the process that runs models alone. */
export type LoopTask =
  | {
      readonly kind: "speed";
      readonly model: LoopModel;
      /** Sessions, each in a thread of its own. */
      readonly lanes: number;
      /** Time at the fastest batch size. */
      readonly measureMs: number;
    }
  | { readonly kind: "placement"; readonly model: LoopModel; readonly folder: string };

/** Speed of `session.run` alone, in all lanes together. */
export interface LoopSpeed {
  readonly rowsPerSecond: number;
  /** Rows of the fastest batches. */
  readonly batchRows: number;
}

/** Operators of a model by the place that computes them. */
export interface Placement {
  readonly onDevice: number;
  readonly onCpu: number;
  /** Copies between the device and the host within one run, besides inputs and outputs. */
  readonly copies: number;
  /** Share of these copies in the time of all operators. */
  readonly copyShare: number;
}

/** Methods of a thread with one session. */
export interface LoopThread {
  open(model: LoopModel): Promise<void>;
  /** Runs batches of so many rows for about so long. @throws {OUT_OF_MEMORY} when they do not fit */
  run(task: { readonly batchRows: number; readonly ms: number }): Promise<{
    readonly rows: number;
    readonly ms: number;
  }>;
}
