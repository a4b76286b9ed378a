import { WorkerAhead } from "../worker/worker-ahead.ts";

/** The commands that will start a worker, unless something is wrong. */
const COMMANDS = ["run", "worker"];

let waiting: WorkerAhead | null = null;

/** Starts a worker's process for a command that will want one, before the command's own code is loaded. */
export function startWorkerAhead(args: readonly string[]): void {
  const [command = ""] = args;
  if (COMMANDS.includes(command) && !args.includes("--help")) waiting = new WorkerAhead();
}

/** What was started, the caller's from here on; null where nothing was. */
export function takeWorkerAhead(): WorkerAhead | null {
  const ahead = waiting;
  waiting = null;
  return ahead;
}
