import { type ChildProcess, fork } from "node:child_process";
import { totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { compiledUrl } from "../shared/core/package-root.ts";
import { decoderMemoryArgument } from "../shared/dataset/parquet-memory.ts";

/** What a worker's process is started with: two of the same are the same until they are told to begin. */
export interface ForkOptions {
  /** What it runs, compiled. */
  readonly entry: URL;
  readonly shardThreads: number;
  /** Added to this process's environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** The usual worker. */
export const WORKER_ENTRY: URL = compiledUrl("worker/worker-process.ts");

/** Starts a worker's process, which loads its code and waits for `begin`. */
export function forkWorker({ entry, shardThreads, env }: ForkOptions): ChildProcess {
  return fork(fileURLToPath(entry), [], {
    env: { ...process.env, ...env },
    execArgv: [...process.execArgv, decoderMemoryArgument(decoderBytes(shardThreads))],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
}

/**
 * What the decoder of one shard thread may take: half of what this process may have, shared out among them. A file that wants more ends as an
 * error with its name, where the kernel would end the process and its rows would be blamed.
 */
function decoderBytes(shardThreads: number): number {
  const constrained = process.constrainedMemory();
  const total = totalmem();
  return (constrained > 0 ? Math.min(constrained, total) : total) / 2 / shardThreads;
}
