import type { Random } from "../../shared/core/random.ts";

/** A window's id begins with the instant at which it was closed, in UTC, and ends in what no other has. */
export const WINDOW_ID = /\d{8}T\d{9}Z-[0-9a-f]{6}/;

interface Sources {
  /** By the clock on the wall. */
  readonly wallMs: () => number;
  readonly random: Pick<Random, "hex">;
}

/** Names windows, so that names are in the order in which they were closed, however clocks are set. */
export function windowIds(last: string | null, { wallMs, random }: Sources): () => string {
  let lastMs = last === null ? 0 : msOf(last);
  return () => {
    lastMs = Math.max(wallMs(), lastMs + 1);
    return `${new Date(lastMs).toISOString().replace(/[-:.]/g, "")}-${random.hex(3)}`;
  };
}

function msOf(id: string): number {
  const time = id.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z.*$/, "$1-$2-$3T$4:$5:$6.$7Z");
  return Date.parse(time);
}
