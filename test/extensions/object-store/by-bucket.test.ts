import { expect } from "vitest";
import { storageByBucket } from "../../../extensions/object-store/by-bucket.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import type { StoreSettings } from "../../../shared/domain/job-stores.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { MemoryStorage } from "../../../shared/storage/memory.ts";
import { sourceOfBytes } from "../../../shared/storage/put-source.ts";
import { needs } from "../../support/needs.ts";

needs("s3")(
  "buckets with equal settings share a storage, and copies between other buckets are read and written",
  async () => {
    const opened: StoreSettings[] = [];
    const memory = new MemoryStorage();
    const { can } = memory;
    const open = async (settings: StoreSettings) => {
      opened.push(settings);
      return new MemoryStorage();
    };
    await using storage = storageByBucket(
      { scheme: "s3", can, open },
      { settings: { "s3://own": { anonymous: true } } },
    );
    const at = (text: string) => parseLocation(text);
    await storage.put(at("s3://one/a"), sourceOfBytes("12345"), { signal: NEVER });
    await storage.copy(at("s3://one/a"), at("s3://two/b"), NEVER);
    expect(opened).toEqual([{}]);
    await storage.copy(at("s3://two/b"), at("s3://own/c"), NEVER);
    expect(opened).toEqual([{}, { anonymous: true }]);
    expect(Buffer.from(await storage.read(at("s3://own/c"), 1, 4, { signal: NEVER })).toString()).toBe("234");
  },
);

needs("s3")("the storage of its bucket decides which store a location is in", async () => {
  const { can } = new MemoryStorage();
  const open = async ({ endpoint = "the usual" }: StoreSettings) =>
    Object.assign(new MemoryStorage(), { storeOf: async () => endpoint });
  const settings = { "s3://own": { endpoint: "https://own" } };
  await using storage = storageByBucket({ scheme: "s3", can, open }, { settings });
  expect(await storage.storeOf?.(parseLocation("s3://own/a"))).toBe("https://own");
  expect(await storage.storeOf?.(parseLocation("s3://one/a"))).toBe("the usual");
});

needs("s3")("opening a storage is retried after a failure", async () => {
  let tries = 0;
  const { can } = new MemoryStorage();
  const open = async () => {
    tries += 1;
    if (tries === 1) throw new Error("not yet");
    return new MemoryStorage();
  };
  await using storage = storageByBucket({ scheme: "s3", can, open }, { settings: {} });
  await expect(storage.kindAt(parseLocation("s3://one/a"), NEVER)).rejects.toThrow("not yet");
  expect(await storage.kindAt(parseLocation("s3://one/a"), NEVER)).toBeNull();
});
