import type { Random } from "../../../shared/core/random.ts";

/** Id of a window of messages. */
export type WindowId = string & { readonly __brand: "WindowId" };

/** Pattern of window ids: the instant of closing in UTC, then random digits that make the id unique. */
export const WINDOW_ID = /\d{8}T\d{9}Z-[0-9a-f]{6}/;

/** Casts a folder name in the spool to the window's id. */
export function asWindowId(name: string): WindowId {
  return name as WindowId;
}

interface Sources {
  /** Current time by the wall clock. */
  readonly wallMs: () => number;
  readonly random: Pick<Random, "hex">;
}

/** Returns a generator of window ids. Ids sort in order of closing, even if the clock is set back. */
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
