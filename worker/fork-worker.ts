import { totalmem } from "node:os";
import type { ForkPlan } from "../shared/core/fork-script.ts";
import { compiledUrl } from "../shared/core/package-root.ts";
import { decoderMemoryArgument } from "../shared/dataset/parquet-memory.ts";

export interface WorkerForkOptions {
  /** What it runs, compiled. Left out: the usual worker. */
  readonly entry?: URL | undefined;
  readonly shardThreads: number;
  /** Added to this process's environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** How a worker's process is started. It loads its code, and waits for `begin`. */
export function workerFork({ entry, shardThreads, env }: WorkerForkOptions): ForkPlan {
  return {
    script: entry ?? compiledUrl("worker/worker-process.ts"),
    execArgv: [...process.execArgv, decoderMemoryArgument(decoderBytes(shardThreads))],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    ...(Object.keys(env).length === 0 ? {} : { env: { ...process.env, ...env } }),
  };
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
