import { totalmem } from "node:os";
import { decoderMemoryArgument } from "../../shared/dataset/parquet-memory.ts";

/** The arguments of `node` for a process with the threads of a worker. */
export function processArguments(shardThreads: number): readonly string[] {
  return [decoderMemoryArgument(decoderBytes(shardThreads))];
}

/** What libuv has by itself: enough for the files. */
const FILE_THREADS = 4;

/** Statements of one shard thread that DuckDB may be at together: of `prepare`, `finish` and a `combine`. */
const SQL_THREADS = 3;

/**
 * This process's environment, for one with the threads of a worker. Each SQL statement may hold a thread of
 * libuv's pool for as long as it takes; files need the others.
 */
export function processEnvironment(shardThreads: number): NodeJS.ProcessEnv {
  return { UV_THREADPOOL_SIZE: String(FILE_THREADS + SQL_THREADS * shardThreads), ...process.env };
}

/**
 * What the decoder of one shard thread may take: half of what this process may have, shared out among them. A
 * file that wants more ends as an error with its name, where the kernel would end the process and its rows
 * would be blamed.
 */
function decoderBytes(shardThreads: number): number {
  const constrained = process.constrainedMemory();
  const total = totalmem();
  return (constrained > 0 ? Math.min(constrained, total) : total) / 2 / shardThreads;
}
