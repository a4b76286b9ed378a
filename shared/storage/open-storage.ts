import { ShardmillError } from "../core/errors.ts";
import { withoutSecrets } from "../core/without-secrets.ts";
import { type JobStores, NO_STORES, type StoreSettings } from "../domain/job-stores.ts";
import { isLocation, type Location, parseLocation, type Scheme, schemeOf } from "../domain/location.ts";
import type { ObjectClient } from "../objects/object-client.ts";
import { allowedStorage, refuseLocation } from "./allowed-storage.ts";
import { storageByBucket } from "./by-bucket.ts";
import { createLocalStorage } from "./local.ts";
import { createObjectStorage, OBJECTS_CAN } from "./object-storage.ts";
import type { Storage } from "./storage.ts";

/** What opens the storage of each scheme. Where one needs a library, it is loaded when it is opened. */
export type StorageOpeners = Partial<Readonly<Record<Scheme, (stores: JobStores) => Promise<Storage>>>>;

const OPENERS: StorageOpeners = {
  file: async () => createLocalStorage(),
  https: httpStorage,
  http: httpStorage,
  s3: async (stores) => {
    const { openS3Client } = await import("../s3/conventions.ts");
    return objectsBy("s3", stores, openS3Client);
  },
  gs: async (stores) => {
    const { openGcsClient } = await import("../gcs/conventions.ts");
    return objectsBy("gs", stores, openGcsClient);
  },
  az: (stores) => azureStorage("az", stores),
  abfss: (stores) => azureStorage("abfss", stores),
};

async function azureStorage(scheme: Scheme, stores: JobStores): Promise<Storage> {
  const { openAzureClient } = await import("../azure/conventions.ts");
  return objectsBy(scheme, stores, openAzureClient);
}

/** Buckets of a kind of store, each by what the job says of it. */
function objectsBy(
  scheme: Scheme,
  stores: JobStores,
  openClient: (settings: StoreSettings, isGuarded: boolean) => Promise<ObjectClient>,
): Storage {
  const open = async (settings: StoreSettings) => {
    // A job that names the server itself says what the bucket is.
    if (settings.endpoint !== undefined) refuseLocation(endpointOf(settings.endpoint), stores);
    return createObjectStorage(await openClient(settings, stores.isGuarded));
  };
  return storageByBucket({ scheme, can: OBJECTS_CAN, open }, stores);
}

/** What is no address is AWS itself. */
function endpointOf(endpoint: string): Location {
  return isLocation(endpoint) ? endpoint : parseLocation("https://s3.amazonaws.com");
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
  readonly #open = new Map<Scheme, Promise<Storage>>();

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

  async #within(scheme: Scheme, opening: Promise<Storage>): Promise<Storage> {
    return this.#stores.allowed === undefined || scheme === "coordinator"
      ? await opening
      : allowedStorage(await opening, this.#stores);
  }

  #start(scheme: Scheme, location: Location): Promise<Storage> {
    const opener = this.#openers[scheme];
    if (opener !== undefined) return this.#within(scheme, opener(this.#stores));
    const path = withoutSecrets(location);
    const message = `${path} cannot be reached from here: nothing opens ${scheme} storage`;
    return Promise.reject(new ShardmillError("STORE_REFUSED", message, { fields: { path, scheme } }));
  }
}
