import { usableMemoryBytes } from "../../shared/core/usable-memory.ts";
import type { ConcreteDevice } from "../../shared/domain/device.ts";
import { defaultMemoryBytes, partMemoryBytes } from "../../shared/sql/locking.ts";

/** Limit of default shard threads. With more, the storage or the device is the bottleneck. */
const MOST_THREADS = 4;

interface ShardThreadRequest {
  /** Null: no model runs. */
  readonly device: ConcreteDevice | null;
  /** Cores that this worker may use. */
  readonly cores: number;
  readonly requested: number | "auto";
}

/**
 * Returns the number of shard threads. With a GPU, half of the cores read and decode, and the others write.
 * So they do without a model.
 * On a CPU the lanes use every core, so one thread feeds them. A second one on two cores was slower.
 */
export function shardThreadCount({ device, cores, requested }: ShardThreadRequest): number {
  if (requested !== "auto") return requested;
  return device === "cpu" ? 1 : Math.max(1, Math.min(MOST_THREADS, Math.floor(cores / 2)));
}

/**
 * Returns how many leases a worker with `shardThreads` shard threads holds. Each thread has one shard that is
 * read, and one that is prefetched or written. One more makes sure that the first to end has a next one. With
 * one thread: one read, one written, one prefetched.
 */
export function leaseSlotCount(shardThreads: number): number {
  return 2 * shardThreads + 1;
}

/**
 * Returns how many tasks a worker runs at once, each with one thread. They take at most half of the memory.
 *
 * @param cores cores that this worker may use
 */
export function taskSlotCount(cores: number): number {
  const fitting = Math.floor((2 * defaultMemoryBytes()) / partMemoryBytes());
  return Math.max(1, Math.min(cores, fitting));
}

/**
 * Limit of step threads for a stage of one shard thread. Each thread takes some 50 MiB: a V8, a DuckDB for
 * each SQL step, and a record batch. Unneeded threads are never started. Decoding a JPEG takes milliseconds,
 * so a GPU needs many threads.
 */
const MOST_STEP_THREADS = 16;

/**
 * Returns the step threads of each shard thread: half of the cores, divided among the shard threads. The
 * other half reads, decodes and writes, or runs lanes. On a CPU, lanes use every core. Surplus step threads
 * wait there, because rows are prepared only on demand.
 *
 * @param cores cores that this worker may use
 */
export function stepThreadCount(cores: number, shardThreads: number): number {
  return Math.max(1, Math.min(MOST_STEP_THREADS, Math.floor(cores / 2 / shardThreads)));
}

/**
 * Share of usable memory for fetched bytes. Decoding briefly needs them two or three times. Decoded rows,
 * lanes and output take more memory.
 */
const FETCHED_SHARE = 1 / 16;

/**
 * Limit of fetched bytes for a shard thread: four row groups of 128 MiB, a common size. Two belong to the
 * current shard, two to the next one. More would only wait.
 */
const MOST_FETCHED_BYTES = 512 << 20;

/**
 * Returns the limit of fetched row groups that are not yet decoded, for a shard thread. A row group that is
 * needed now is fetched even if it is larger.
 */
export function fetchedBytesOf(shardThreads: number): number {
  return Math.min(MOST_FETCHED_BYTES, Math.floor((usableMemoryBytes() * FETCHED_SHARE) / shardThreads));
}
