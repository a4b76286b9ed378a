import type { ChildProcess } from "node:child_process";
import type { StoreCounts } from "../domain/store-counts.ts";
import { processTally, takeCounts } from "./store-tally.ts";

/** A process that is ended takes along what it asked of stores since it last told. */
const TELL_MS = 1_000;

/** Between its answers, from a process to whoever started it. */
interface CountsTold {
  readonly askedOfStores: readonly StoreCounts[];
}

/** From now on this process tells whoever started it what it asks of stores, and not with answers alone. */
export function tellCounts(): void {
  const tell = () => {
    const askedOfStores = takeCounts();
    if (askedOfStores.length > 0) process.send?.({ askedOfStores } satisfies CountsTold);
  };
  setInterval(tell, TELL_MS).unref();
}

/** Adds what a child process tells so to what this one asked. */
export function hearCounts(child: ChildProcess): void {
  child.on("message", (message: object) => {
    if (isCounts(message)) processTally.add(message.askedOfStores);
  });
}

/** Whether a message of a child process is no answer. */
export function isCounts(message: object): message is CountsTold {
  return "askedOfStores" in message;
}
