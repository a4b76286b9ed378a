import { formatBytes, formatCount, formatSeconds } from "../../shared/core/units.ts";
import type { StoreCounts } from "../../shared/domain/store-counts.ts";
import { counted, oneLine } from "../../shared/terminal/text.ts";

/** Limit of stores that are shown, because rows may name files on many servers. `--json` has all of them. */
const MOST_SHOWN = 8;

/** Returns a line for each store, the stores with the most requests first. */
export function storeEntries(stores: readonly StoreCounts[]): [label: string, value: string][] {
  const sorted = [...stores].sort((a, b) => b.requests - a.requests);
  const lines: [string, string][] = sorted.slice(0, MOST_SHOWN).map((one) => ["store", storeLine(one)]);
  const left = stores.length - lines.length;
  return left === 0 ? lines : [...lines, ["store", `${formatCount(left)} more`]];
}

/**
 * Describes the requests to a store:
 * `s3://photos: 1.2 GiB read in 3,412 requests, first byte after 38 ms; 12 retried after 4.1s`
 */
function storeLine(one: StoreCounts): string {
  const bytes = [
    ...(one.bytesRead > 0 ? [`${formatBytes(one.bytesRead)} read`] : []),
    ...(one.bytesWritten > 0 ? [`${formatBytes(one.bytesWritten)} written`] : []),
  ].join(", ");
  const firstByte =
    one.answers === 0 ? "" : `, first byte after ${formatCount(one.firstByteMs / one.answers)} ms`;
  const trouble = [
    ...(one.retries > 0
      ? [`${formatCount(one.retries)} retried after ${formatSeconds(one.waitedMs / 1_000)}`]
      : []),
    ...(one.throttled > 0 ? [`${formatCount(one.throttled)} throttled`] : []),
  ].join(", ");
  const requested = `${bytes === "" ? "" : `${bytes} in `}${counted(one.requests, "request")}${firstByte}`;
  return `${oneLine(one.store)}: ${requested}${trouble === "" ? "" : `; ${trouble}`}`;
}
