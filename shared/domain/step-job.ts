/** Facts of a job for the steps of one worker. Plain data and shared memory, which threads get by message. */
export interface StepJob {
  /**
   * Folder on this machine that outlives the process, for data of this job's steps. Several processes may use
   * it. It may not exist yet.
   */
  readonly keptPath: string;
  /** Memory of {@link readShare}. */
  readonly share: SharedArrayBuffer;
  /** Shard threads of this worker, each with steps of its own. */
  readonly shardThreads: number;
}

/** Share of a worker in the limits of a job. */
interface LimitShare {
  /** Workers that share the limits, with this one. */
  readonly workers: number;
  /** Time after which all workers know of a new one, in ms. */
  readonly settleMs: number;
}

const WORKERS = 0;
const SETTLE = 1;

/** Makes the memory of a share: of one worker alone. */
export function makeShare(): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(8);
  writeShare(memory, { workers: 1, settleMs: 0 });
  return memory;
}

/** Updates a share. Fields that are missing stay. */
export function writeShare(memory: SharedArrayBuffer, { workers, settleMs }: Partial<LimitShare>): void {
  const cells = new Int32Array(memory);
  // A coordinator of an older build names none.
  if (workers !== undefined) Atomics.store(cells, WORKERS, Math.max(1, workers));
  if (settleMs !== undefined) Atomics.store(cells, SETTLE, settleMs);
}

/** Returns the share as the coordinator last reported it. */
export function readShare(memory: SharedArrayBuffer): LimitShare {
  const cells = new Int32Array(memory);
  return { workers: Atomics.load(cells, WORKERS), settleMs: Atomics.load(cells, SETTLE) };
}
