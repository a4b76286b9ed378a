import { recordOf } from "../core/record-of.ts";

/**
 * Counts of requests to one store: whole numbers, and durations in milliseconds. Durations are sums over
 * concurrent requests. Types, tallies, wire and manifest derive from this table.
 *
 * A new count is a row here, and a field in `StoreCounts` (stores.proto).
 */
export const STORE_COUNTS = {
  /** Requests sent, redirects and retries included. */
  requests: "whole",
  /** Bytes of received bodies. */
  bytesRead: "whole",
  /** Bytes of sent bodies. */
  bytesWritten: "whole",
  /** Requests that were sent again. */
  retries: "whole",
  /** Responses that ask for fewer requests: 429 and 503. */
  throttled: "whole",
  /** Time waited before retries. */
  waitedMs: "duration",
  /** Responses to read requests. `firstByteMs` is the sum of the times to their first bytes. */
  answers: "whole",
  firstByteMs: "duration",
} as const;

export type CountedOfStore = keyof typeof STORE_COUNTS;
export const COUNTED_OF_STORE = Object.keys(STORE_COUNTS) as CountedOfStore[];

/** Requests to one store, and their cost. */
export interface StoreCounts extends Readonly<Record<CountedOfStore, number>> {
  /** Store without key and query: `s3://bucket`, `https://host:port`. */
  readonly store: string;
}

/** Limit of stores in one list, because rows may name files on any number of servers. */
export const MOST_STORES = 64;
/** Name of the entry for all stores above the limit. */
export const OTHER_STORES = "others";

/** Sums the counts by store, sorted by name. Stores above the limit are summed in `others`. */
export function sumOfStores(counts: Iterable<StoreCounts>): readonly StoreCounts[] {
  const byName = new Map<string, StoreCounts>();
  for (const one of counts) {
    // `others` has its own place. Otherwise each repeated sum would lose one more name.
    const named = byName.size - (byName.has(OTHER_STORES) ? 1 : 0);
    const isFull = named >= MOST_STORES - 1 && !byName.has(one.store);
    const store = isFull ? OTHER_STORES : one.store;
    byName.set(
      store,
      combined(store, one, byName.get(store), (a, b) => a + b),
    );
  }
  return [...byName.values()].sort((a, b) => (a.store < b.store ? -1 : 1));
}

/**
 * Returns the counts between `before` and `now`, which both count from the same moment. Skips stores without
 * any.
 */
export function sinceStores(
  before: readonly StoreCounts[],
  now: readonly StoreCounts[],
): readonly StoreCounts[] {
  const known = new Map(before.map((one) => [one.store, one]));
  return now
    .map((one) => combined(one.store, one, known.get(one.store), (a, b) => Math.max(0, a - b)))
    .filter((one) => COUNTED_OF_STORE.some((name) => one[name] > 0));
}

function combined(
  store: string,
  a: StoreCounts,
  b: StoreCounts | undefined,
  join: (a: number, b: number) => number,
): StoreCounts {
  return storeCounts(store, (name) => boundedCount(join(a[name], b?.[name] ?? 0)));
}

/** Builds the counts of a store by name. */
export function storeCounts(store: string, of: (name: CountedOfStore) => number): StoreCounts {
  return { store, ...recordOf(COUNTED_OF_STORE, of) };
}

/** Rounds to microseconds, and bounds the number to what a message can hold. */
function boundedCount(count: number): number {
  return Math.min(Math.round(count * 1_000) / 1_000, Number.MAX_SAFE_INTEGER);
}
