import type { JobStores } from "../domain/job-stores.ts";
import { type StorageOpeners, Storages } from "./open-storage.ts";

/** More jobs that say something of their stores are hardly at work at once. */
const MOST_OPEN = 100;

/**
 * The storages of jobs that are at work at once. Jobs that say the same of their stores share theirs. Those
 * that were asked for first are let go above a bound: whoever has them still goes on with them.
 */
export class JobStorages implements AsyncDisposable {
  readonly #openers: StorageOpeners;
  readonly #open = new Map<string, Storages>();

  /** @param openers of other storages than the usual ones */
  constructor(openers: StorageOpeners = {}) {
    this.#openers = openers;
  }

  of({ stores }: { readonly stores: JobStores }): Storages {
    const key = JSON.stringify(stores);
    const open = this.#open.get(key) ?? new Storages(this.#openers, stores);
    // Last, as the one that was asked for last.
    this.#open.delete(key);
    this.#open.set(key, open);
    for (const [first] of this.#open) {
      if (this.#open.size <= MOST_OPEN) break;
      this.#open.delete(first);
    }
    return open;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#open.values()].map((each) => each[Symbol.asyncDispose]()));
  }
}
