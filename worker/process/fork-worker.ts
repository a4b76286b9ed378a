import type { ForkPlan } from "../../shared/core/fork-script.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { processArguments } from "./process-arguments.ts";

export interface WorkerForkOptions {
  /** What it runs, compiled. Left out: the usual worker. */
  readonly entry?: URL | undefined;
  readonly shardThreads: number;
  /** Added to this process's environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** What libuv has by itself: enough for the files. */
const FILE_THREADS = 4;

/** How a worker's process is started. It loads its code, and waits for `begin`. */
export function workerFork({ entry, shardThreads, env }: WorkerForkOptions): ForkPlan {
  return {
    script: entry ?? compiledUrl("worker/process/worker-process.ts"),
    execArgv: [...process.execArgv, ...processArguments(shardThreads)],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    // Each shard thread's combine SQL may hold a thread of libuv's pool for as long as it takes; files need
    // the others.
    env: { UV_THREADPOOL_SIZE: String(FILE_THREADS + shardThreads), ...process.env, ...env },
  };
}
