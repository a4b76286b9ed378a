import { formatBytes, formatCount } from "../core/units.ts";

/**
 * What finds a row's place takes, at its highest: its number, the values that are compared, and what V8 holds
 * while it sorts and copies. 120 to 290 bytes were measured, of one column to sort by, in no order.
 */
const ROW_BYTES = 256;

/**
 * More is refused: a worker holds the next shards meanwhile, and the arrays and the heap of one thread end
 * not far above. Shards of a usual length take a tenth of it.
 */
const MOST_BYTES = 2 * 2 ** 30;

/**
 * What a part of several shards' rows has at most, when it is sorted: one that would have more ends early.
 * The rows are bounded by what finds their places, as long as they are narrow.
 */
export const SORTED_PART = { bytes: 256 << 20, rows: 4_194_304 } as const;

/** What sorting rows takes, about: they lie in memory twice. @param bytes of their values */
export function sortMemoryBytes(rows: number, bytes: number): number {
  return rows * ROW_BYTES + 2 * bytes;
}

/** Why so many rows are not sorted at once, with how many would be; null when they are. */
export function sortFault(
  rows: number,
  bytes: number,
): {
  readonly what: string;
  readonly expected: string;
  readonly found: string;
  readonly mostRows: number;
} | null {
  const needed = sortMemoryBytes(rows, bytes);
  if (needed <= MOST_BYTES) return null;
  return {
    what: `sorting ${formatCount(rows)} rows at once takes too much memory`,
    expected: `at most ${formatBytes(MOST_BYTES)}`,
    found: `about ${formatBytes(needed)}`,
    mostRows: Math.max(1, Math.floor((MOST_BYTES / needed) * rows)),
  };
}
