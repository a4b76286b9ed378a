import { planForks } from "../coordinator/plan/plan-forks.ts";
import { type ForkPlan, forkAhead } from "../shared/core/fork-script.ts";
import { workerFork } from "../worker/process/fork-worker.ts";

/**
 * The guess: one worker, on the CPU. A GPU's has other threads, and is told which GPU it may see: it is
 * started later.
 */
const workerForks = (): ForkPlan[] => [workerFork({ shardThreads: 1, env: {} })];

/** What each command will start, unless something is wrong. */
const FORKS: Readonly<Record<string, () => readonly ForkPlan[]>> = {
  run: () => [...planForks(), ...workerForks()],
  coordinator: planForks,
  plan: planForks,
  worker: workerForks,
};

/**
 * Starts the processes that a command will want, before its own code is loaded, and while it reads and checks
 * the job.
 */
export function forkForCommand(args: readonly string[]): void {
  const [command = ""] = args;
  if (!Object.hasOwn(FORKS, command) || args.includes("--help")) return;
  // Without a job it waits for one, maybe for days.
  if (command === "coordinator" && (args[1] ?? "-").startsWith("-")) return;
  for (const plan of FORKS[command]?.() ?? []) forkAhead(plan);
}
