import type { StoreCounts } from "../../shared/domain/store-counts.ts";

/** Mean rates of a store over some time, as its readers and writers see them. */
export interface StoreRate {
  readonly store: string;
  readonly readBytesPerSecond: number;
  readonly writtenBytesPerSecond: number;
  readonly requestsPerSecond: number;
  readonly bytesPerRequest: number;
  /** Time from a request to its first byte. Null: nothing was read. */
  readonly firstByteMs: number | null;
  /** Shares of throttled and of repeated requests. */
  readonly throttled: number;
  readonly repeated: number;
}

/** Converts counts over `ms` to rates. */
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
