import type { JobStores } from "../domain/job-stores.ts";
import { type StorageOpeners, Storages } from "./open-storage.ts";

/** Limit of open storages: hardly more jobs with store settings run at once. */
const MOST_OPEN = 100;

/**
 * Storages of concurrent jobs. Jobs with equal store settings share storages. Above a limit, the least
 * recently requested storages are dropped from here, and their current users keep using them.
 */
export class JobStorages implements AsyncDisposable {
  readonly #openers: StorageOpeners;
  readonly #open = new Map<string, Storages>();

  /** @param openers openers of further schemes, or replacements of the default ones */
  constructor(openers: StorageOpeners = {}) {
    this.#openers = openers;
  }

  of({ stores }: { readonly stores: JobStores }): Storages {
    const key = JSON.stringify(stores);
    const open = this.#open.get(key) ?? new Storages(this.#openers, stores);
    // Moves the entry to the end: the most recently requested.
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
