import { constants } from "node:os";

/*
 * The first process of a container ignores signals that it does not listen for. Loading takes seconds on a
 * busy machine. Without a listener, a process that must stop then would run until its grace time is over.
 */

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

const early: NodeJS.Signals[] = [];
const remember = (signal: NodeJS.Signals) => void early.push(signal);
/** Exits with the code that shells use for the signal. */
const end = (signal: NodeJS.Signals) => process.exit(128 + constants.signals[signal]);

/** Listens until a command does, or until {@link endIfUnhandled}. */
export function listenEarly(): void {
  for (const signal of SIGNALS) process.on(signal, remember);
}

/** Returns the signals so far, for a command that listens itself from now on. */
export function takeEarlySignals(): readonly NodeJS.Signals[] {
  for (const signal of SIGNALS) process.off(signal, remember).off(signal, end);
  return early.splice(0);
}

/**
 * Restores the default action of signals for commands that do not listen, also in a container's first
 * process.
 */
export function endIfUnhandled(): void {
  if (!process.listeners("SIGTERM").includes(remember)) return;
  const [first] = takeEarlySignals();
  if (process.pid === 1) for (const signal of SIGNALS) process.on(signal, end);
  if (first !== undefined) process.kill(process.pid, first);
}
