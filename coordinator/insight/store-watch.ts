import { type StoreCounts, sinceStores, sumOfStores } from "../../shared/domain/store-counts.ts";

/** What one job's run asked of stores: its workers, as they report it, and this coordinator. */
export class StoreWatch {
  readonly #own: () => readonly StoreCounts[];
  readonly #before: readonly StoreCounts[];
  #ofWorkers: readonly StoreCounts[] = [];

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
    return sumOfStores([...this.#ofWorkers, ...sinceStores(this.#before, this.#own())]);
  }
}
