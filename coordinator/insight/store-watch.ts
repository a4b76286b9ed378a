import { type StoreCounts, sinceStores, sumOfStores } from "../../shared/domain/store-counts.ts";
import { type StoreRate, storeRates } from "./store-rates.ts";

/**
 * Span of the current rates. Workers report requests with each heartbeat, every ten seconds for long shards.
 */
const WINDOW_MS = 60_000;

interface Look {
  readonly atMs: number;
  readonly workers: readonly StoreCounts[];
  readonly own: readonly StoreCounts[];
}

/** Store requests of one job's run: those that its workers report, and those of this coordinator. */
export class StoreWatch {
  readonly #own: () => readonly StoreCounts[];
  readonly #before: readonly StoreCounts[];
  #ofWorkers: readonly StoreCounts[] = [];
  /** First sample, and the last one before a worker reported requests. */
  #first: Look | null = null;
  #idle: Look | null = null;
  /** Samples of the last minute. */
  readonly #looks: Look[] = [];

  /**
   * @param own returns the requests of this process since a fixed moment
   * @param before the same at the time when the job was opened, before planning
   */
  constructor(own: () => readonly StoreCounts[], before: readonly StoreCounts[]) {
    this.#own = own;
    this.#before = before;
  }

  /** Adds requests that a worker reports. */
  add(counts: readonly StoreCounts[]): void {
    this.#ofWorkers = sumOfStores([...this.#ofWorkers, ...counts]);
  }

  /** Returns the counts until now, one entry a store. */
  all(): readonly StoreCounts[] {
    return sumOfStores([...this.#ofWorkers, ...this.#ofCoordinator()]);
  }

  /** Takes a sample of the counts. */
  look(atMs: number): void {
    const look = { atMs, workers: this.#ofWorkers, own: this.#ofCoordinator() };
    this.#first ??= look;
    if (this.#idle === null || look.workers.length === 0) this.#idle = look;
    this.#looks.push(look);
    while (this.#looks.length > 2 && atMs - (this.#looks[1]?.atMs ?? atMs) > WINDOW_MS) this.#looks.shift();
  }

  /**
   * Returns the stores' rates until the last sample, over the whole run or over the last minute. They cover
   * the requests of the workers, or of the coordinator if the workers make none.
   */
  rates(over: "run" | "now"): readonly StoreRate[] {
    const who = this.#ofWorkers.length > 0 ? "workers" : "own";
    const begin = who === "workers" ? this.#idle : this.#first;
    const [oldest] = this.#looks;
    const last = this.#looks.at(-1);
    if (begin === null || oldest === undefined || last === undefined) return [];
    const from = over === "now" && oldest.atMs > begin.atMs ? oldest : begin;
    return storeRates(sinceStores(from[who], last[who]), last.atMs - from.atMs);
  }

  #ofCoordinator(): readonly StoreCounts[] {
    return sinceStores(this.#before, this.#own());
  }
}
