import { usableMemoryBytes } from "../../shared/core/usable-memory.ts";
import { decoderMemoryEnvironment } from "../../shared/dataset/parquet-memory.ts";
import { stepThreadCount } from "../pipeline/thread-counts.ts";

interface ThreadCounts {
  readonly shardThreads: number;
  /** Cores that the process may use. */
  readonly cores: number;
}

/** Default size of libuv's pool, which is enough for files. */
const FILE_THREADS = 4;

/**
 * Returns this process's environment for a process with a worker's threads. Each SQL statement may hold a
 * thread of libuv's pool while it runs. Files need additional threads.
 */
export function processEnvironment({ shardThreads, cores }: ThreadCounts): NodeJS.ProcessEnv {
  // For each shard thread: one in each thread of `prepare` and `finish`, and one `combine`.
  const statements = shardThreads * (2 * stepThreadCount(cores, shardThreads) + 1);
  return {
    UV_THREADPOOL_SIZE: String(FILE_THREADS + statements),
    ...process.env,
    ...decoderMemoryEnvironment(decoderBytes(shardThreads)),
  };
}

/**
 * Returns the decoder memory of one shard thread: half of the usable memory, divided among them. A file that
 * needs more gives an error with its name. Otherwise the kernel would kill the process, and its rows would be
 * blamed.
 */
function decoderBytes(shardThreads: number): number {
  return usableMemoryBytes() / 2 / shardThreads;
}
