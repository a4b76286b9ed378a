import { isShardmillError } from "../core/errors.ts";
import { folderOf, type Location } from "../domain/location.ts";
import { cannot } from "./errors.ts";
import type { Storage } from "./storage.ts";

/** Names of temporary files that an interrupted put or copy leaves. Buckets list no such files. */
const BROKEN_OFF = /^\..*\.tmp$/;

/**
 * Presents a storage of folders as a bucket: no rename, no link, and every change is durable at once. For
 * tests and fault runs whose processes share files, and so cannot share a bucket in memory.
 */
export function asBucket(storage: Storage): Storage {
  const syncFolderOf = async (location: Location) => {
    await storage.sync(folderOf(location)).catch((error: unknown) => {
      if (!isShardmillError(error, "STORE_NOT_FOUND")) throw error;
    });
  };
  return {
    can: { ...storage.can, rename: false, link: false, sync: false },
    kindAt: (location, signal) => storage.kindAt(location, signal),
    stat: (location, signal) => storage.stat(location, signal),
    real: (location, signal) => storage.real(location, signal),
    async *list(folder, options) {
      for await (const page of storage.list(folder, options))
        yield page.filter(({ name }) => !BROKEN_OFF.test(name));
    },
    read: (location, start, end, options) => storage.read(location, start, end, options),
    put: (location, source, options) => storage.put(location, source, options),
    rename: async () => {
      throw cannot("a bucket", "rename");
    },
    link: async () => {
      throw cannot("a bucket", "link");
    },
    async copy(from, to, signal) {
      await storage.copy(from, to, signal);
      await syncFolderOf(to);
    },
    sync: async () => {},
    async remove(location, signal) {
      await storage.remove(location, signal);
      await syncFolderOf(location);
    },
    [Symbol.asyncDispose]: () => storage[Symbol.asyncDispose](),
  };
}
