/**
 * Limit of nested lists and objects in a JSON line. The line's own object counts. DuckDB parses them
 * recursively, and a hundred thousand levels crash the process. It handles many thousands, and real programs
 * write tens.
 */
export const NESTING_MOST = 1_000;

const QUOTE = 34;
const BACKSLASH = 92;
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);

/**
 * Returns true when the JSON in bytes `[start, end)` is nested beyond the limit. For other bytes the result
 * is undefined.
 */
export function nestsTooDeep(bytes: Uint8Array, start: number, end: number): boolean {
  // Each level has a closing byte, too. So most lines need no scan.
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
