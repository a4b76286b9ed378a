import { type ChildProcess, fork, type StdioOptions } from "node:child_process";
import { fileURLToPath } from "node:url";

/**
 * A script to run in a process of its own. What it is to do comes as a message: two of the same are the same
 * until then.
 */
export interface ForkPlan {
  /** Compiled. */
  readonly script: URL;
  readonly execArgv: readonly string[];
  readonly stdio: StdioOptions;
  /** Instead of this process's environment. */
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Planning reaches for its processes within a second, for a worker's after it. Longer, and they only take
 * memory.
 */
const WAIT_MS = 30_000;

/** Started, and not yet taken: each by what it was started with. */
const waiting = new Map<ChildProcess, string>();
let timer: NodeJS.Timeout | undefined;

/**
 * Starts a script that somebody will want soon: it loads its code meanwhile. Whoever forks the same takes it
 * over; what is never taken is ended by {@link endForkedAhead}, or with this process.
 */
export function forkAhead(plan: ForkPlan): void {
  if (waiting.size === 0) {
    process.on("exit", endForkedAhead);
    timer = setTimeout(endForkedAhead, WAIT_MS).unref();
  }
  const child = start(plan);
  // One that cannot be started, or dies, is not taken.
  child.on("error", ignore);
  waiting.set(child, keyOf(plan));
}

/** Starts a script, or takes over the process that was started ahead just so. Its owner is the caller. */
export function forkScript(plan: ForkPlan): ChildProcess {
  const key = keyOf(plan);
  for (const [child, itsKey] of waiting) {
    if (itsKey !== key) continue;
    waiting.delete(child);
    if (child.pid === undefined || !child.connected) continue;
    // Its owner listens before the next turn of the loop: nothing is missed.
    child.off("error", ignore);
    return child;
  }
  return start(plan);
}

/** Ends what was started ahead and is not wanted after all. */
export function endForkedAhead(): void {
  for (const child of waiting.keys()) child.kill("SIGKILL");
  waiting.clear();
  clearTimeout(timer);
  process.off("exit", endForkedAhead);
}

function start({ script, execArgv, stdio, env }: ForkPlan): ChildProcess {
  return fork(fileURLToPath(script), [], { execArgv: [...execArgv], stdio, env: env ?? process.env });
}

function keyOf({ script, execArgv, stdio, env }: ForkPlan): string {
  return JSON.stringify([script.href, execArgv, stdio, env ?? null]);
}

function ignore(): void {}
