import { formatBytes, formatCount } from "../core/units.ts";

/**
 * Peak memory to sort one row: its index, the compared values, and V8's copies. Measured: 120 to 290 bytes,
 * for one sort column in random order.
 */
const ROW_BYTES = 256;

/**
 * Limit of memory to sort rows. A worker holds the next shards meanwhile, and arrays and the heap of one
 * thread end slightly above. Shards of usual length take a tenth of it.
 */
const MOST_BYTES = 2 * 2 ** 30;

/**
 * Limits of one sorted part of several shards' rows. A part ends before it would exceed them. The row limit
 * bounds the memory to sort narrow rows.
 */
export const SORTED_PART = { bytes: 256 << 20, rows: 4_194_304 } as const;

/**
 * Memory to sort a part of all rows. Narrow rows fill it with two million rows, long ones with 256 MiB of
 * values. Several parts are sorted at once.
 */
const SORT_ALL_BYTES = 512 << 20;

/** Returns the limits of the parts of all sorted rows. Rows of one key are cut where shards are refused. */
export function sortAllLimits(partMemory = SORT_ALL_BYTES) {
  return { partMemory, equalMemory: partMemory * (MOST_BYTES / SORT_ALL_BYTES) };
}

/** Estimates the memory to sort rows, which are in memory twice. @param bytes of their values */
export function sortMemoryBytes(rows: number, bytes: number): number {
  return rows * ROW_BYTES + 2 * bytes;
}

/**
 * Returns the reason why so many rows cannot be sorted at once, and how many can. Null: they can be sorted.
 */
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
