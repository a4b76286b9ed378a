/**
 * Lists and objects within each other, at most, in a line of JSON: its object is the first. DuckDB follows
 * them by recursion, and a line of a hundred thousand ends the process. It bears many thousands; written by
 * a program for a reason, they are tens.
 */
export const NESTING_MOST = 1_000;

const QUOTE = 34;
const BACKSLASH = 92;
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);

/** Whether the JSON in bytes `[start, end)` has more levels than any may have; of other bytes, anything. */
export function nestsTooDeep(bytes: Uint8Array, start: number, end: number): boolean {
  // Each level is closed, too. Most lines end here, unread.
  if (end - start <= 2 * NESTING_MOST) return false;
  let depth = 0;
  let isQuoted = false;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte === BACKSLASH) at += 1;
    else if (byte === QUOTE) isQuoted = !isQuoted;
    else if (isQuoted) continue;
    else if (CLOSING.has(byte)) depth -= 1;
    else if (OPENING.has(byte)) depth += 1;
    if (depth > NESTING_MOST) return true;
  }
  return false;
}
