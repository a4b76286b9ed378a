import { EXTENSIONS } from "#extensions";
import { ShardmillError } from "../core/errors.ts";
import { withoutSecrets } from "../core/without-secrets.ts";
import { type JobStores, NO_STORES } from "../domain/job-stores.ts";
import { type Location, schemeOf } from "../domain/location.ts";
import { allowedStorage, refuseLocation } from "./allowed-storage.ts";
import { createLocalStorage } from "./local.ts";
import type { Storage } from "./storage.ts";

/** Opener of the storage of each scheme. */
export type StorageOpeners = Readonly<Record<string, (stores: JobStores) => Promise<Storage>>>;

const OPENERS: StorageOpeners = {
  file: async () => createLocalStorage(),
  https: httpStorage,
  http: httpStorage,
  ...Object.fromEntries(
    EXTENSIONS.flatMap(({ storage }) => (storage === undefined ? [] : openersOf(storage))),
  ),
};

function openersOf({ schemes, open }: NonNullable<(typeof EXTENSIONS)[number]["storage"]>) {
  return Object.keys(schemes).map((scheme) => [scheme, (stores: JobStores) => open(scheme, stores)] as const);
}

async function httpStorage(stores: JobStores): Promise<Storage> {
  return (await import("./http.ts")).openHttpStorage(stores);
}

/**
 * Storages of one process or thread, by scheme. Each is opened on first use, and kept until all are disposed
 * of. A failed open is retried on the next use: a missing setting or file may appear.
 */
export class Storages implements AsyncDisposable {
  readonly #openers: StorageOpeners;
  readonly #stores: JobStores;
  readonly #open = new Map<string, Promise<Storage>>();

  /**
   * @param openers openers of schemes that need more than a location, or replacements of the default ones
   * @param stores the job's settings of its stores
   */
  constructor(openers: StorageOpeners = {}, stores: JobStores = NO_STORES) {
    this.#openers = { ...OPENERS, ...openers };
    this.#stores = stores;
  }

  /**
   * @throws {STORE_REFUSED} when no storage supports the location's scheme
   * @throws {LOCATION_REFUSED} when the location is not allowed
   */
  async at(location: Location): Promise<Storage> {
    refuseLocation(location, this.#stores);
    const scheme = schemeOf(location);
    const open = this.#open.get(scheme) ?? this.#start(scheme, location);
    this.#open.set(scheme, open);
    try {
      return await open;
    } catch (error) {
      if (this.#open.get(scheme) === open) this.#open.delete(scheme);
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(open.map(async (each) => (await each.catch(() => null))?.[Symbol.asyncDispose]()));
  }

  async #within(scheme: string, opening: Promise<Storage>): Promise<Storage> {
    return this.#stores.allowed === undefined || scheme === "coordinator"
      ? await opening
      : allowedStorage(await opening, this.#stores);
  }

  #start(scheme: string, location: Location): Promise<Storage> {
    const opener = this.#openers[scheme];
    if (opener !== undefined) return this.#within(scheme, opener(this.#stores));
    const path = withoutSecrets(location);
    const message = `${path} cannot be reached from here: nothing opens ${scheme} storage`;
    return Promise.reject(new ShardmillError("STORE_REFUSED", message, { fields: { path, scheme } }));
  }
}
