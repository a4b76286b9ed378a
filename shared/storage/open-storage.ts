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
 * The storages of one process or thread, by the scheme of what is asked for: each is opened when its scheme
 * is first met, and kept until all are disposed of. One that cannot be opened is tried again: a setting or a
 * file that it lacks may come.
 */
export class Storages implements AsyncDisposable {
  readonly #openers: StorageOpeners;
  readonly #stores: JobStores;
  readonly #open = new Map<string, Promise<Storage>>();

  /**
   * @param openers of schemes that need to know more than a location says, and others than the usual ones
   * @param stores what the job says of its stores
   */
  constructor(openers: StorageOpeners = {}, stores: JobStores = NO_STORES) {
    this.#openers = { ...OPENERS, ...openers };
    this.#stores = stores;
  }

  /**
   * @throws {STORE_REFUSED} when nothing here reaches such a place
   * @throws {LOCATION_REFUSED} when it is not among those that are allowed
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
