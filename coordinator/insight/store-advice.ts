import { formatBytes, formatCount } from "../../shared/core/units.ts";
import type { StoreRate } from "./store-rates.ts";

/** Share of throttled requests from which callers wait longer than they work. */
const MUCH_THROTTLED = 0.05;
const MUCH_REPEATED = 0.05;
/** Latency of a distant store. Within a region a store answers in 20 to 50 ms. */
const LATE_MS = 100;
/** Size below which a request's fixed cost outweighs its bytes. */
const SMALL_REQUEST_BYTES = 256 << 10;

/**
 * Returns advice for a run that waits for a store: which store, its rates, what to change. Null: none was
 * used.
 *
 * @param doing `read`: workers wait for input bytes. `store`: workers wait for their output to be stored.
 */
export function storeAdvice(doing: "read" | "store", stores: readonly StoreRate[]): string | null {
  const busiest = busiestStore(doing, stores);
  if (busiest === null) return null;
  const what = doing === "read" ? "reading" : "writing to";
  return `${what} ${shownStore(busiest)} is the bottleneck: ${remedy(doing, busiest.rate)}`;
}

/** Returns the store with the highest byte rate, for display. Null: no store had any bytes. */
export function storeInUse(doing: "read" | "store", stores: readonly StoreRate[]): string | null {
  const busiest = busiestStore(doing, stores);
  return busiest === null ? null : shownStore(busiest);
}

interface Busiest {
  readonly rate: StoreRate;
  readonly bytesPerSecond: number;
}

function busiestStore(doing: "read" | "store", stores: readonly StoreRate[]): Busiest | null {
  const rates = stores.map((rate) => ({
    rate,
    bytesPerSecond: doing === "read" ? rate.readBytesPerSecond : rate.writtenBytesPerSecond,
  }));
  const [first, ...others] = rates.filter(({ bytesPerSecond }) => bytesPerSecond > 0);
  if (first === undefined) return null;
  return others.reduce((a, b) => (b.bytesPerSecond > a.bytesPerSecond ? b : a), first);
}

/** Formats a store: `s3://photos (85.2 MiB/s in 120 requests/s, first byte after 38 ms, 3 % throttled)` */
function shownStore({ rate, bytesPerSecond }: Busiest): string {
  const facts = [
    `${formatBytes(Math.round(bytesPerSecond))}/s in ${shownRate(rate.requestsPerSecond)} requests/s`,
    ...(rate.firstByteMs === null ? [] : [`first byte after ${formatCount(rate.firstByteMs)} ms`]),
    ...(rate.throttled > 0 ? [`${shownShare(rate.throttled)} throttled`] : []),
  ];
  return `${rate.store} (${facts.join(", ")})`;
}

function remedy(doing: "read" | "store", rate: StoreRate): string {
  if (rate.throttled >= MUCH_THROTTLED) {
    return doing === "read"
      ? "it throttles requests: use fewer workers, write the input with larger row groups, or spread it over more prefixes"
      : "it throttles requests: use fewer workers, or fewer and larger shards (input.shardRows)";
  }
  if (rate.repeated >= MUCH_REPEATED)
    return `${shownShare(rate.repeated)} of its requests fail and are retried: check the network and the store`;
  if (rate.bytesPerRequest < SMALL_REQUEST_BYTES) {
    const each = formatBytes(Math.round(rate.bytesPerRequest));
    return doing === "read"
      ? `its requests are small (${each} each): write the input with larger row groups, or as fewer, larger files`
      : `its requests are small (${each} each): use fewer and larger shards (input.shardRows)`;
  }
  if (rate.firstByteMs !== null && rate.firstByteMs >= LATE_MS)
    return "it responds slowly: run the workers in its region, or map more shards concurrently (--shard-threads, more workers)";
  return doing === "read"
    ? "use more workers (each has its own connection), store only the columns that the job uses, or move the data nearer"
    : "use more workers (each has its own connection), or keep fewer columns";
}

function shownRate(perSecond: number): string {
  return perSecond < 10 ? perSecond.toFixed(1) : formatCount(perSecond);
}

function shownShare(share: number): string {
  return `${Math.max(1, Math.round(100 * share))} %`;
}
