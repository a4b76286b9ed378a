import { ShardmillError } from "../core/errors.ts";
import { type Location, type Scheme, schemeOf } from "../domain/location.ts";
import { createLocalStorage } from "./local.ts";
import { createObjectStorage } from "./object-storage.ts";
import type { Storage } from "./storage.ts";

/** What opens the storage of each scheme. Where one needs a library, it is loaded when it is opened. */
export type StorageOpeners = Partial<Readonly<Record<Scheme, () => Promise<Storage>>>>;

const OPENERS: StorageOpeners = {
  file: async () => createLocalStorage(),
  https: httpStorage,
  http: httpStorage,
  s3: async () => createObjectStorage(await (await import("../s3/conventions.ts")).openS3Client()),
  gs: async () => createObjectStorage(await (await import("../gcs/conventions.ts")).openGcsClient()),
};

async function httpStorage(): Promise<Storage> {
  return (await import("./http.ts")).createHttpStorage();
}

/**
 * The storages of one process or thread, by the scheme of what is asked for: each is opened when its scheme
 * is first met, and kept until all are disposed of. One that cannot be opened is tried again: a setting or a
 * file that it lacks may come.
 */
export class Storages implements AsyncDisposable {
  readonly #openers: StorageOpeners;
  readonly #open = new Map<Scheme, Promise<Storage>>();

  /** @param openers of schemes that need to know more than a location says, and others than the usual ones */
  constructor(openers: StorageOpeners = {}) {
    this.#openers = { ...OPENERS, ...openers };
  }

  /** @throws {STORE_REFUSED} when nothing here reaches such a place */
  async at(location: Location): Promise<Storage> {
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

  #start(scheme: Scheme, location: Location): Promise<Storage> {
    const opener = this.#openers[scheme];
    if (opener !== undefined) return opener();
    const message = `${location} cannot be reached from here: nothing opens ${scheme} storage`;
    return Promise.reject(
      new ShardmillError("STORE_REFUSED", message, { fields: { path: location, scheme } }),
    );
  }
}
