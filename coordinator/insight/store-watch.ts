import { type StoreCounts, sinceStores, sumOfStores } from "../../shared/domain/store-counts.ts";
import { type StoreRate, storeRates } from "./store-rates.ts";

/**
 * Over how long the rates of now are taken: workers tell what they asked with each heartbeat, which are ten
 * seconds apart where shards are long.
 */
const WINDOW_MS = 60_000;

interface Look {
  readonly atMs: number;
  readonly workers: readonly StoreCounts[];
  readonly own: readonly StoreCounts[];
}

/** What one job's run asked of stores: its workers, as they report it, and this coordinator. */
export class StoreWatch {
  readonly #own: () => readonly StoreCounts[];
  readonly #before: readonly StoreCounts[];
  #ofWorkers: readonly StoreCounts[] = [];
  /** The first, and the last before a worker told that it asked for something. */
  #first: Look | null = null;
  #idle: Look | null = null;
  /** Of the last minute. */
  readonly #looks: Look[] = [];

  /**
   * @param own what this process asked, since any fixed moment
   * @param before the same when the job was opened, before it was planned
   */
  constructor(own: () => readonly StoreCounts[], before: readonly StoreCounts[]) {
    this.#own = own;
    this.#before = before;
  }

  /** What came to what a worker asked. */
  add(counts: readonly StoreCounts[]): void {
    this.#ofWorkers = sumOfStores([...this.#ofWorkers, ...counts]);
  }

  /** Up to now, each store once. */
  all(): readonly StoreCounts[] {
    return sumOfStores([...this.#ofWorkers, ...this.#ofCoordinator()]);
  }

  /** Takes down what was asked so far. */
  look(atMs: number): void {
    const look = { atMs, workers: this.#ofWorkers, own: this.#ofCoordinator() };
    this.#first ??= look;
    if (this.#idle === null || look.workers.length === 0) this.#idle = look;
    this.#looks.push(look);
    while (this.#looks.length > 2 && atMs - (this.#looks[1]?.atMs ?? atMs) > WINDOW_MS) this.#looks.shift();
  }

  /**
   * How fast stores are for those who ask for shards' sake, up to the last look: over the whole run, or over
   * the last minute. These are the workers, or the coordinator where it reads for them.
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
