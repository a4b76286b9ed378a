import type { BatchInUse } from "./batch-in-use.ts";
import type { ConcreteDevice } from "./device.ts";
import type { Fetching } from "./fetching.ts";

/** A worker process in one of its lives: a restarted worker is a new session. */
export type WorkerSession = string & { readonly __brand: "WorkerSession" };

export function workerSession(value: string): WorkerSession {
  if (value === "") throw new Error("broken invariant: empty worker session");
  return value as WorkerSession;
}

/** What a worker says of itself when it joins. */
export interface WorkerInfo {
  /** Stable over restarts of the process: `host-cpu0`. */
  readonly name: string;
  readonly hostname: string;
  readonly pid: number;
  readonly device: ConcreteDevice;
  readonly lanes: number;
  readonly threadsPerLane: number;
  /** Leases that it holds at once: shards at work, being written, and prefetched. */
  readonly slots: number;
  readonly onnxruntimeVersion: string;
  /** The version of Shardmill that it is of. */
  readonly build: string;
  /** What decides the bytes of its partials, see `ownMapping`: it works on jobs of the same mapping alone. */
  readonly mapping: string;
}

/** The stages of a shard, in order: where a worker's time goes. */
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
 * Busy share of each stage, 0 to 1: of all lanes for `infer`, of all shard threads for `read`, `decode`,
 * `tensorize` and `collect`, of all threads of its own for `prepare` and for `finish`, of all writers for
 * `encode` and `store`.
 */
export type StageShares = Readonly<Partial<Record<Stage, number>>>;

/** Positions of uneven rows that lanes ran, padding included, and how many of them were padding. */
export interface PositionCounts {
  readonly run: number;
  readonly padded: number;
}

/** A worker as the coordinator sees it. */
export interface WorkerStatus extends WorkerInfo {
  readonly session: WorkerSession;
  readonly leases: number;
  readonly rowsCommitted: number;
  readonly shardsCommitted: number;
  readonly attemptsFailed: number;
  /** How much longer it gets no shards for failing too often; 0 on probation; null when it is trusted. */
  readonly excludedForSeconds: number | null;
  /** Why a job takes nothing from it: its device gives wrong numbers. Null when none refuses it. */
  readonly refused: string | null;
  readonly secondsConnected: number;
  readonly secondsSinceHeartbeat: number;
  readonly busy: StageShares;
  /** The size of its batches, and what bounds it; null before the first batch of a job. */
  readonly batch: BatchInUse | null;
  /** The model of the job that it opens; null when it fetches none. */
  readonly fetching: Fetching | null;
  /** Why its device is put aside, for which it has left, until that is good again. Null while it is here. */
  readonly aside: string | null;
}
