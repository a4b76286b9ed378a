import { constants } from "node:os";

/*
 * A process that is a container's first is ended by no signal that it does not listen for. So what is told to
 * end while it loads, which takes seconds on a busy machine, would be killed only when its grace is over.
 */

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

const early: NodeJS.Signals[] = [];
const remember = (signal: NodeJS.Signals) => void early.push(signal);
/** By the exit code that shells have for it. */
const end = (signal: NodeJS.Signals) => process.exit(128 + constants.signals[signal]);

/** Listens from here on, until a command does or {@link endWhereNobodyListens}. */
export function listenEarly(): void {
  for (const signal of SIGNALS) process.on(signal, remember);
}

/** What came until now, for the command that listens from here on. */
export function takeEarlySignals(): readonly NodeJS.Signals[] {
  for (const signal of SIGNALS) process.off(signal, remember).off(signal, end);
  return early.splice(0);
}

/** For commands that do not listen: signals end them as ever, and as a container's first process, too. */
export function endWhereNobodyListens(): void {
  if (!process.listeners("SIGTERM").includes(remember)) return;
  const [first] = takeEarlySignals();
  if (process.pid === 1) for (const signal of SIGNALS) process.on(signal, end);
  if (first !== undefined) process.kill(process.pid, first);
}
