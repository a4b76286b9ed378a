import { totalmem } from "node:os";
import { decoderMemoryArgument } from "../../shared/dataset/parquet-memory.ts";

/** The arguments of `node` for a process with the threads of a worker. */
export function processArguments(shardThreads: number): readonly string[] {
  return [decoderMemoryArgument(decoderBytes(shardThreads))];
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
