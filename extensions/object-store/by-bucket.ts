import { bucketSettings, type JobStores, type StoreSettings } from "../../shared/domain/job-stores.ts";
import type { Location } from "../../shared/domain/location.ts";
import type { Capabilities, PutSource, Storage } from "../../shared/storage/storage.ts";
import { readChunks } from "../../shared/storage/whole-file.ts";

interface BucketKind {
  readonly scheme: string;
  /** Capabilities of every storage of the kind. */
  readonly can: Capabilities;
  open(settings: StoreSettings): Promise<Storage>;
}

/**
 * Joins the buckets of one scheme into one storage. Each bucket has the settings that the job has for it.
 * Buckets with the same settings share connections and credentials. A storage that failed to open is retried.
 */
export function storageByBucket(kind: BucketKind, stores: Pick<JobStores, "settings">): Storage {
  const opened = new Map<string, Promise<Storage>>();
  const at = async (location: Location): Promise<Storage> => {
    const [, bucket = ""] = /^[^/]+:\/\/([^/]*)/.exec(location) ?? [];
    const { name, settings } = bucketSettings(stores, kind.scheme, bucket);
    const opening = opened.get(name) ?? kind.open(settings);
    opened.set(name, opening);
    try {
      return await opening;
    } catch (error) {
      if (opened.get(name) === opening) opened.delete(name);
      throw error;
    }
  };
  return {
    can: kind.can,
    checksums: {
      of: async (location, signal) => (await (await at(location)).checksums?.of(location, signal)) ?? null,
      areEarned: async (folder, signal) =>
        (await (await at(folder)).checksums?.areEarned(folder, signal)) ?? false,
    },
    storeOf: async (location) => (await (await at(location)).storeOf?.(location)) ?? "",
    kindAt: async (location, signal) => (await at(location)).kindAt(location, signal),
    stat: async (location, signal) => (await at(location)).stat(location, signal),
    real: async (location, signal) => (await at(location)).real(location, signal),
    async *list(folder, options) {
      yield* (await at(folder)).list(folder, options);
    },
    read: async (location, start, end, options) => (await at(location)).read(location, start, end, options),
    put: async (location, source, options) => (await at(location)).put(location, source, options),
    rename: async (from, to) => (await at(from)).rename(from, to),
    link: async (from, to) => (await at(from)).link(from, to),
    async copy(from, to, signal) {
      const [source, target] = [await at(from), await at(to)];
      if (source === target) return await source.copy(from, to, signal);
      // Neither store can read from the other, so the bytes go through this process.
      const file = await source.stat(from, signal);
      const put: PutSource = { bytes: file.bytes, chunks: () => readChunks(source, from, file, signal) };
      await target.put(to, put, { signal });
    },
    sync: async (location) => (await at(location)).sync(location),
    removeUploads: async (folder, signal) => (await at(folder)).removeUploads?.(folder, signal),
    remove: async (location, signal) => (await at(location)).remove(location, signal),
    async [Symbol.asyncDispose]() {
      const open = [...opened.values()];
      opened.clear();
      await Promise.all(open.map(async (each) => (await each.catch(() => null))?.[Symbol.asyncDispose]()));
    },
  };
}
