import { recordOf } from "../core/record-of.ts";

/**
 * What is counted of what was asked of one store: whole numbers, and durations in milliseconds. Durations are
 * sums over requests that ran side by side. Types, tallies, wire and manifest derive from a row.
 *
 * A new count is a row here, and a field in `StoreCounts` (stores.proto).
 */
export const STORE_COUNTS = {
  /** That were sent: redirects and repeats among them. */
  requests: "whole",
  /** Of bodies that came. */
  bytesRead: "whole",
  /** Of bodies that were sent. */
  bytesWritten: "whole",
  /** Requests that were sent again. */
  retries: "whole",
  /** Answers that asked for fewer requests: 429 and 503. */
  throttled: "whole",
  /** Waited before requests were sent again. */
  waitedMs: "duration",
  /** To requests that only read; and how long their first bytes took, all together. */
  answers: "whole",
  firstByteMs: "duration",
} as const;

export type CountedOfStore = keyof typeof STORE_COUNTS;
export const COUNTED_OF_STORE = Object.keys(STORE_COUNTS) as CountedOfStore[];

/** What was asked of one store, and what that cost. */
export interface StoreCounts extends Readonly<Record<CountedOfStore, number>> {
  /** As its user calls it: `s3://bucket`, `https://host:port`; no key and no query. */
  readonly store: string;
}

/** Rows may name files on any number of servers. */
export const MOST_STORES = 64;
/** What all those are called that are too many to be told apart. */
export const OTHER_STORES = "others";

/** All of these together, each store once, by name; of too many stores the last become `others`. */
export function sumOfStores(counts: Iterable<StoreCounts>): readonly StoreCounts[] {
  const byName = new Map<string, StoreCounts>();
  for (const one of counts) {
    // `others` has a place of its own: else a sum that has it would lose a name each time it is summed again.
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

/** What came from `before` to `now`, which count from the same moment; stores without any are left out. */
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
  return storeCounts(store, (name) => told(join(a[name], b?.[name] ?? 0)));
}

/** Each of the counts of a store, as `of` tells it. */
export function storeCounts(store: string, of: (name: CountedOfStore) => number): StoreCounts {
  return { store, ...recordOf(COUNTED_OF_STORE, of) };
}

/** To the microsecond, and not more than a message can tell. */
function told(count: number): number {
  return Math.min(Math.round(count * 1_000) / 1_000, Number.MAX_SAFE_INTEGER);
}
