import type { JobStores } from "../domain/job-stores.ts";
import { type StorageOpeners, Storages } from "./open-storage.ts";

/** The storages of jobs that are at work at once. Jobs that say the same of their stores share theirs. */
export class JobStorages implements AsyncDisposable {
  readonly #openers: StorageOpeners;
  readonly #open = new Map<string, Storages>();

  /** @param openers of other storages than the usual ones */
  constructor(openers: StorageOpeners = {}) {
    this.#openers = openers;
  }

  of({ stores }: { readonly stores: JobStores }): Storages {
    const key = JSON.stringify(stores);
    const known = this.#open.get(key);
    if (known !== undefined) return known;
    const opened = new Storages(this.#openers, stores);
    this.#open.set(key, opened);
    return opened;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#open.values()].map((each) => each[Symbol.asyncDispose]()));
  }
}
