import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { sha256 } from "../../shared/core/digest.ts";
import { below, type Location, parseLocation } from "../../shared/domain/location.ts";
import { placeOf } from "../../shared/objects/object-place.ts";
import { Storages } from "../../shared/storage/open-storage.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { storageContract } from "../contract/storage-contract.ts";
import { type GcsServer, startGcsServer } from "../support/gcs-server.ts";

let server: GcsServer;
let storage: Storage;
beforeAll(async () => {
  server = await startGcsServer();
  await server.makeBucket("bucket");
  storage = server.storage();
});
afterAll(async () => {
  await storage[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const at = (key: string): Location => parseLocation(`gs://bucket/${key}`);
const bytes = Uint8Array.from({ length: 5_000 }, (_, index) => (index * 7) % 256);
let count = 0;

storageContract("fake-gcs-server", async () => {
  const contracted = server.storage();
  count += 1;
  const existing = at(`data-${count}/existing.bin`);
  await contracted.put(existing, sourceOfBytes(bytes));
  return {
    storage: contracted,
    existing: { location: existing, bytes },
    free: () => at(`made-${count++}/deeper/file-${count}`),
    forbidden: null,
    bytesAt: async (location) => {
      const { bucket, key } = placeOf(location);
      return await server.kept(bucket, key);
    },
    cleanup: async () => {},
  };
});

test("the emulator is found as Google's own programs find it", async () => {
  for (const [name, value] of Object.entries(server.env)) vi.stubEnv(name, value);
  await using storages = new Storages();
  const location = at("by-convention/a");
  await (await storages.at(location)).put(location, sourceOfBytes("found"));
  expect(Buffer.from(await server.kept("bucket", "by-convention/a")).toString()).toBe("found");
  vi.unstubAllEnvs();
});

describe("objects in a bucket", () => {
  test("more than a page of names is listed, and removed", async () => {
    const folder = at("many");
    const names = Array.from(
      { length: 1_203 },
      (_, index) => `file-${String(index).padStart(5, "0")} +%.bin`,
    );
    for (let from = 0; from < names.length; from += 50) {
      const some = names.slice(from, from + 50);
      await Promise.all(some.map((name) => storage.put(below(folder, name), sourceOfBytes(name))));
    }
    const pages: number[] = [];
    const found: string[] = [];
    for await (const page of storage.list(folder)) {
      pages.push(page.length);
      found.push(...page.map(({ name }) => name));
    }
    expect(found).toEqual(names);
    expect(pages).toEqual([1_000, 203]);
    await storage.remove(folder);
    expect(await storage.kindAt(folder)).toBeNull();
  });

  test("what a listing tells of an object is what is read by it", async () => {
    await storage.put(at("told/a"), sourceOfBytes("content"));
    for await (const [entry] of storage.list(at("told"))) {
      expect(entry).toMatchObject({ name: "a", kind: "file", stat: { bytes: 7 } });
      const read = storage.read(at("told/a"), 0, 7, undefined, entry?.stat?.version);
      expect(Buffer.from(await read).toString()).toBe("content");
    }
  });

  test("an object of several pieces is put, with its sha256, and copied with that", async () => {
    using client = server.client();
    const large = Buffer.alloc((40 << 20) + 12_345, "0123456789abcdef-");
    const placed = await storage.put(at("large/a"), sourceOfBytes(large), { ifAbsent: true });
    expect(placed).toEqual({ bytes: large.length, sha256: sha256(large) });
    const kept = await server.kept("bucket", "large/a");
    expect(sha256(kept)).toBe(placed.sha256);
    await storage.copy(at("large/a"), at("large/b"));
    expect(await client.head(placeOf(at("large/b")))).toMatchObject(placed);
    await expect(
      storage.put(at("large/a"), sourceOfBytes(Buffer.alloc(large.length)), { ifAbsent: true }),
    ).rejects.toMatchObject({ code: "STORE_EXISTS" });
    expect(await storage.put(at("large/a"), sourceOfBytes(large), { ifAbsent: true })).toEqual(placed);
  });

  test.each([1, 17 << 20])("%i bytes that are not those of the md5 are no put", async (size) => {
    using client = server.client();
    const body = {
      bytes: size,
      async *chunks() {
        yield Buffer.alloc(size);
      },
    };
    const md5 = createHash("md5").update("right").digest("hex");
    const put = client.put(placeOf(at("damaged")), { body, sha256: sha256("right"), md5, ifAbsent: false });
    await expect(put).rejects.toMatchObject({ code: "STORE_FAILED" });
  });

  test("the bucket is a folder, another is nothing, and so is what is in it", async () => {
    expect(await storage.kindAt(parseLocation("gs://bucket"))).toBe("folder");
    expect(await storage.kindAt(parseLocation("gs://no-such-bucket/x"))).toBeNull();
    const missing = { code: "STORE_NOT_FOUND" };
    await expect(storage.stat(parseLocation("gs://no-such-bucket/x"))).rejects.toMatchObject(missing);
    await expect(
      storage.list(parseLocation("gs://no-such-bucket"))[Symbol.asyncIterator]().next(),
    ).rejects.toMatchObject(missing);
  });
});
