import { sleepBy } from "../../shared/core/abort.ts";
import type { TimedClock } from "../../shared/core/clock.ts";
import type { ShardmillError } from "../../shared/core/errors.ts";
import type { Processes } from "../../shared/core/process-identity.ts";
import type { Location } from "../../shared/domain/location.ts";
import { heldBy, type LockContent, parseLock } from "./lock-file.ts";

/** A holder that was not heard for so long is taken for dead: six beats, for a busy store delays some. */
export const SILENCE_MS = 30_000;
const LOOK_MS = 2_000;

export interface WaitOptions {
  readonly processes: Processes;
  readonly clock: TimedClock;
  readonly signal: AbortSignal;
  /** Called when it takes time to find out whether the holder is alive. */
  readonly onWaiting?: (message: string) => void;
}

interface StillOptions extends WaitOptions {
  /** Reads what a coordinator changes as long as it is alive. Its first line identifies the coordinator. */
  readonly read: () => Promise<string | null>;
  /** Place of what is read, for messages. */
  readonly path: Location;
}

/**
 * Waits until a coordinator changes no more what it shows, or until that is gone.
 *
 * @returns the last text; null where it is gone
 * @throws {OUTPUT_LOCKED} when the text changes: the coordinator is alive
 */
export async function awaitStill({
  read,
  path,
  processes,
  clock,
  signal,
  onWaiting,
}: StillOptions): Promise<string | null> {
  const before = await read();
  if (before === null) return null;
  const holder = holderIn(before);
  if (holder !== null && processes.lifeOf(holder) === "dead") return before;
  const who = holder === null ? "a coordinator" : `process ${holder.pid} on ${holder.host}`;
  onWaiting?.(
    `waiting ${SILENCE_MS / 1000} s to see whether ${who} is alive, which was at work on this output: only its silence can tell`,
  );
  // Looks are counted, not time: a process that was stopped itself has not looked.
  for (let look = 0; look < SILENCE_MS / LOOK_MS; look += 1) {
    await sleepBy(clock, LOOK_MS, signal);
    const now = await read();
    if (now === null) return null;
    if (now !== before) throw heldByWho(now, path);
  }
  return before;
}

/** Error of a place whose holder goes on to show that it is alive. */
export function heldByWho(shown: string, beat: Location): ShardmillError {
  return heldBy(holderIn(shown) ?? UNKNOWN, beat, "elsewhere");
}

function holderIn(shown: string): LockContent | null {
  return parseLock(shown.split("\n", 1)[0] ?? "");
}

const UNKNOWN = { host: "an unknown host", pid: 0, pidNamespace: null } as const;
