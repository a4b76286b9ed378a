import fc from "fast-check";
import type { StoreRate } from "../../coordinator/insight/store-rates.ts";
import type { StoreCounts } from "../../shared/domain/store-counts.ts";

/** Returns counts of an unused store, except for `counts`. */
export function aStore(store: string, counts: Partial<StoreCounts> = {}): StoreCounts {
  return {
    store,
    requests: 0,
    bytesRead: 0,
    bytesWritten: 0,
    retries: 0,
    throttled: 0,
    waitedMs: 0,
    answers: 0,
    firstByteMs: 0,
    ...counts,
  };
}

/** Returns the rates of a fast, near store, except for `rate`. */
export function aRate(store: string, rate: Partial<StoreRate> = {}): StoreRate {
  return {
    store,
    readBytesPerSecond: 0,
    writtenBytesPerSecond: 0,
    requestsPerSecond: 20,
    bytesPerRequest: 4 << 20,
    firstByteMs: 20,
    throttled: 0,
    repeated: 0,
    ...rate,
  };
}

const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const ms = fc.double({ min: 0, noNaN: true, noDefaultInfinity: true });

/** A few stores, as they cross the wire. */
export const storeCounts: fc.Arbitrary<readonly StoreCounts[]> = fc.array(
  fc.record({
    store: fc.string(),
    requests: count,
    bytesRead: count,
    bytesWritten: count,
    retries: count,
    throttled: count,
    waitedMs: ms,
    answers: count,
    firstByteMs: ms,
  }),
  { maxLength: 3 },
);
