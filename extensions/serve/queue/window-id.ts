import type { Random } from "../../../shared/core/random.ts";

/** Id of one window of messages. */
export type WindowId = string & { readonly __brand: "WindowId" };

/** A window's id begins with the instant at which it was closed, in UTC, and ends in what no other has. */
export const WINDOW_ID = /\d{8}T\d{9}Z-[0-9a-f]{6}/;

/** Takes a name for an id: all that lies in a spool is called after its window. */
export function asWindowId(name: string): WindowId {
  return name as WindowId;
}

interface Sources {
  /** By the clock on the wall. */
  readonly wallMs: () => number;
  readonly random: Pick<Random, "hex">;
}

/** Names windows, so that names are in the order in which they were closed, however clocks are set. */
export function windowIds(last: WindowId | null, { wallMs, random }: Sources): () => WindowId {
  let lastMs = last === null ? 0 : msOf(last);
  return () => {
    lastMs = Math.max(wallMs(), lastMs + 1);
    return asWindowId(`${new Date(lastMs).toISOString().replace(/[-:.]/g, "")}-${random.hex(3)}`);
  };
}

function msOf(id: WindowId): number {
  const time = id.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z.*$/, "$1-$2-$3T$4:$5:$6.$7Z");
  return Date.parse(time);
}
