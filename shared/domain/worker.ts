import type { BatchInUse } from "./batch-in-use.ts";
import type { ConcreteDevice } from "./device.ts";
import type { Fetching } from "./fetching.ts";

/** Id of a worker process. A restarted worker has a new session. */
export type WorkerSession = string & { readonly __brand: "WorkerSession" };

export function workerSession(value: string): WorkerSession {
  if (value === "") throw new Error("broken invariant: empty worker session");
  return value as WorkerSession;
}

/** Facts that a worker reports when it joins. */
export interface WorkerInfo {
  /** Name that survives restarts: `host-cpu0`. */
  readonly name: string;
  readonly hostname: string;
  readonly pid: number;
  readonly device: ConcreteDevice;
  readonly lanes: number;
  readonly threadsPerLane: number;
  /** Limit of leases that the worker holds: running, being written, and prefetched. */
  readonly slots: number;
  /** Limit of tasks, which the leases of an inner job are. Undefined: `slots`. */
  readonly taskSlots?: number | undefined;
  readonly onnxruntimeVersion: string;
  /** Version of Shardmill, for people. */
  readonly build: string;
  /**
   * Identifies all that determines the bytes of its partials, see `ownMapping`. A worker gets only jobs of
   * the same mapping.
   */
  readonly mapping: string;
}

/** Stages of a shard, in order. */
export const STAGES = [
  "read",
  "decode",
  "prepare",
  "tensorize",
  "infer",
  "collect",
  "finish",
  "encode",
  "store",
] as const;
export type Stage = (typeof STAGES)[number];

/**
 * Busy share of each stage, 0 to 1, over all threads that run the stage. Lanes run `infer`. Shard threads run
 * `read`, `decode`, `tensorize` and `collect`. Stages `prepare` and `finish` have threads of their own.
 * Writers run `encode` and `store`.
 */
export type StageShares = Readonly<Partial<Record<Stage, number>>>;

/** Positions of uneven rows that lanes ran, padding included, and the padding among them. */
export interface PositionCounts {
  readonly run: number;
  readonly padded: number;
}

/** Worker as the coordinator sees it. */
export interface WorkerStatus extends WorkerInfo {
  readonly session: WorkerSession;
  readonly leases: number;
  readonly rowsCommitted: number;
  readonly shardsCommitted: number;
  readonly attemptsFailed: number;
  /** Remaining seconds without shards, after too many failures. 0: on probation. Null: not excluded. */
  readonly excludedForSeconds: number | null;
  /** Reason why a job refuses this worker: its device returns wrong numbers. Null: no job refuses it. */
  readonly refused: string | null;
  readonly secondsConnected: number;
  readonly secondsSinceHeartbeat: number;
  readonly busy: StageShares;
  /** Size of its batches, and their bound. Null: no batch of the job ran yet. */
  readonly batch: BatchInUse | null;
  /** Download of the model of the job that the worker opens. Null: it downloads none. */
  readonly fetching: Fetching | null;
  /**
   * Reason why the worker has stopped using its device, and left until the device recovers. Null: it is
   * connected.
   */
  readonly gpuFault: string | null;
}
