import { sleepBy } from "../../shared/core/abort.ts";
import type { TimedClock } from "../../shared/core/clock.ts";
import type { ShardmillError } from "../../shared/core/errors.ts";
import type { Processes } from "../../shared/core/process-identity.ts";
import type { Location } from "../../shared/domain/location.ts";
import { heldBy, type LockContent, parseLock } from "./lock-file.ts";

/** Silence after which a holder counts as lost. Six heartbeats, because a busy store delays some of them. */
export const SILENCE_MS = 30_000;
const LOOK_MS = 2_000;

export interface WaitOptions {
  readonly processes: Processes;
  readonly clock: TimedClock;
  readonly signal: AbortSignal;
  /** Called when it takes time to check whether the holder still runs. */
  readonly onWaiting?: (message: string) => void;
}

interface StillOptions extends WaitOptions {
  /** Reads a text that a running coordinator keeps changing. The first line identifies the coordinator. */
  readonly read: () => Promise<string | null>;
  /** Location of that text, for messages. */
  readonly path: Location;
}

/**
 * Waits until a coordinator stops changing its text, or until the text is removed.
 *
 * @returns the last text, null when it was removed
 * @throws {OUTPUT_LOCKED} when the text changes: the coordinator still runs
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
  if (holder !== null && processes.processState(holder) === "exited") return before;
  const who = holder === null ? "a coordinator" : `process ${holder.pid} on ${holder.host}`;
  onWaiting?.(
    `waiting ${SILENCE_MS / 1000} s for a heartbeat of ${who}, which was at work on this output: without one, it has stopped`,
  );
  // Reads are counted instead of time: this process may have been stopped meanwhile, and read nothing.
  for (let look = 0; look < SILENCE_MS / LOOK_MS; look += 1) {
    await sleepBy(clock, LOOK_MS, signal);
    const now = await read();
    if (now === null) return null;
    if (now !== before) throw heldByWho(now, path);
  }
  return before;
}

/** Returns the error for a place whose holder still shows that it runs. */
export function heldByWho(shown: string, beat: Location): ShardmillError {
  return heldBy(holderIn(shown) ?? UNKNOWN, beat, "elsewhere");
}

function holderIn(shown: string): LockContent | null {
  return parseLock(shown.split("\n", 1)[0] ?? "");
}

const UNKNOWN = { host: "an unknown host", pid: 0, pidNamespace: null } as const;
