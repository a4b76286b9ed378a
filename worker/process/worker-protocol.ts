import type { CallContext } from "../../shared/core/remote/peer.ts";
import type { WorkerBeat } from "../http/process-figures.ts";
import type { WorkerEnd, WorkerOptions } from "./worker.ts";

/** Methods of a worker's process, which its supervisor calls. */
export interface WorkerProcessMethods {
  /** Works until it is drained or dismissed. Called once. */
  work(task: WorkerTask, context: CallContext<WorkerNews>): Promise<WorkerEnd>;
  /** Finishes or releases its shards, and ends `work`. */
  drain(why: {
    /** Reason of the device's suspension, if that is the cause. */
    readonly gpuFault?: string;
  }): void;
}

/** Methods of a supervisor, which its worker processes call. */
export interface SupervisorMethods {
  /** Waits for a turn: see `Turns`. */
  takeTurn(name: string): Promise<void>;
  endTurn(name: string): void;
}

/** Task of a worker's process. Plain JSON. */
export interface WorkerTask {
  readonly options: WorkerOptions;
  /** True when `work` emits each heartbeat. */
  readonly reportsBeats: boolean;
}

export type WorkerNews = { readonly kind: "joined" } | { readonly kind: "beat"; readonly beat: WorkerBeat };
