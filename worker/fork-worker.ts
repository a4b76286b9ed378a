import type { ForkPlan } from "../shared/core/fork-script.ts";
import { compiledUrl } from "../shared/core/package-root.ts";
import { processArguments } from "./process-arguments.ts";

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
    execArgv: [...process.execArgv, ...processArguments(shardThreads)],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    ...(Object.keys(env).length === 0 ? {} : { env: { ...process.env, ...env } }),
  };
}
