import type { StoreCounts } from "../../shared/domain/store-counts.ts";

/** How fast a store is, as its readers and writers see it: means over some time. */
export interface StoreRate {
  readonly store: string;
  readonly readBytesPerSecond: number;
  readonly writtenBytesPerSecond: number;
  readonly requestsPerSecond: number;
  readonly bytesPerRequest: number;
  /** From asking for something to the first byte of it; null where nothing was read. */
  readonly firstByteMs: number | null;
  /** The shares of requests that were answered by asking for fewer, and that were sent again. */
  readonly throttled: number;
  readonly repeated: number;
}

/** What came in so much time, as rates. */
export function storeRates(counts: readonly StoreCounts[], ms: number): readonly StoreRate[] {
  const seconds = ms / 1_000;
  if (seconds <= 0) return [];
  return counts
    .filter(({ requests }) => requests > 0)
    .map(({ store, requests, bytesRead, bytesWritten, answers, ...of }) => ({
      store,
      readBytesPerSecond: bytesRead / seconds,
      writtenBytesPerSecond: bytesWritten / seconds,
      requestsPerSecond: requests / seconds,
      bytesPerRequest: (bytesRead + bytesWritten) / requests,
      firstByteMs: answers === 0 ? null : of.firstByteMs / answers,
      throttled: of.throttled / requests,
      repeated: of.retries / requests,
    }));
}
