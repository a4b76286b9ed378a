import { usableMemoryBytes } from "../../shared/core/usable-memory.ts";
import type { ConcreteDevice } from "../../shared/domain/device.ts";

/**
 * More than this many threads that read one job's files gain nothing: by then the storage or the device is
 * the limit.
 */
const MOST_THREADS = 4;

interface ShardThreadRequest {
  readonly device: ConcreteDevice;
  /** Cores that this worker may use. */
  readonly cores: number;
  readonly requested: number | "auto";
}

/**
 * How many shard threads feed a device's lanes. With a GPU half of the cores read and decode, and the others
 * are for their write threads. On a CPU the lanes want every core, and one thread feeds them: a second one on
 * two cores made it slower.
 */
export function shardThreadCount({ device, cores, requested }: ShardThreadRequest): number {
  if (requested !== "auto") return requested;
  return device === "cpu" ? 1 : Math.max(1, Math.min(MOST_THREADS, Math.floor(cores / 2)));
}

/**
 * Leases that a worker with `shardThreads` shard threads holds at once: for each a shard that is read and one
 * before it or behind it (being written, or prefetched), and one more, so that there is a next one for
 * whichever ends first. With one thread: one read, one written, one prefetched.
 */
export function leaseSlotCount(shardThreads: number): number {
  return 2 * shardThreads + 1;
}

/**
 * Threads that a stage of one shard thread has at most. Each is a V8 of its own with a DuckDB for each of its
 * SQL steps, some 50 MiB, and has a record batch in hand; those that the rows do not keep busy are never
 * started. A JPEG costs milliseconds, so that a GPU wants more of them than a few threads make.
 */
const MOST_STEP_THREADS = 16;

/**
 * How many threads the steps of a stage have for each shard thread: half of the cores, shared out among the
 * shard threads. The other half reads, decodes and writes, or is the lanes'. Where the lanes want every core,
 * on a CPU, this is no more than can be used: rows are only prepared as the lanes ask for them, so threads
 * that the lanes have no need of wait.
 *
 * @param cores that this worker may use
 */
export function stepThreadCount(cores: number, shardThreads: number): number {
  return Math.max(1, Math.min(MOST_STEP_THREADS, Math.floor(cores / 2 / shardThreads)));
}

/**
 * Of the memory that a worker may use. On the way to a decoder, fetched bytes are for a moment there twice or
 * three times; and there are the decoded rows, the lanes and the output beside them.
 */
const FETCHED_SHARE = 1 / 16;

/**
 * For each shard thread at most: four row groups of 128 MiB, which is what many writers make. So many are
 * under way where none is larger: two of the shard at work, two of the next. More would only wait.
 */
const MOST_FETCHED_BYTES = 512 << 20;

/**
 * What a shard thread may have fetched of row groups that are not decoded yet. What is needed at the moment
 * is fetched in any case: a row group may be larger than this.
 */
export function fetchedBytesOf(shardThreads: number): number {
  return Math.min(MOST_FETCHED_BYTES, Math.floor((usableMemoryBytes() * FETCHED_SHARE) / shardThreads));
}
