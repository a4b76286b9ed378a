import { usableMemoryBytes } from "../../shared/core/usable-memory.ts";
import { decoderMemoryArgument } from "../../shared/dataset/parquet-memory.ts";

interface ThreadCounts {
  readonly shardThreads: number;
  /** For the steps of each stage, of each shard thread. */
  readonly stepThreads: number;
}

/** The arguments of `node` for a process with the threads of a worker. */
export function processArguments(shardThreads: number): readonly string[] {
  return [decoderMemoryArgument(decoderBytes(shardThreads))];
}

/** What libuv has by itself: enough for the files. */
const FILE_THREADS = 4;

/**
 * This process's environment, for one with the threads of a worker. Each SQL statement may hold a thread of
 * libuv's pool for as long as it takes; files need the others.
 */
export function processEnvironment({ shardThreads, stepThreads }: ThreadCounts): NodeJS.ProcessEnv {
  // At once for each shard thread: one in each thread of `prepare` and of `finish`, and a `combine`.
  const statements = shardThreads * (2 * stepThreads + 1);
  return { UV_THREADPOOL_SIZE: String(FILE_THREADS + statements), ...process.env };
}

/**
 * What the decoder of one shard thread may take: half of what this process may have, shared out among them. A
 * file that wants more ends as an error with its name, where the kernel would end the process and its rows
 * would be blamed.
 */
function decoderBytes(shardThreads: number): number {
  return usableMemoryBytes() / 2 / shardThreads;
}
