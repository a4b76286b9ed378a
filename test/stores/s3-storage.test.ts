import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { sha256 } from "../../shared/core/digest.ts";
import { below, type Location, parseLocation } from "../../shared/domain/location.ts";
import { placeOf } from "../../shared/objects/object-place.ts";
import { Storages } from "../../shared/storage/open-storage.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { storageContract } from "../contract/storage-contract.ts";
import { type S3Server, startS3Server } from "../support/s3-server.ts";

let plain: S3Server;
let secure: S3Server;
beforeAll(async () => {
  [plain, secure] = await Promise.all([startS3Server(), startS3Server({ isSecure: true })]);
  await Promise.all([plain.makeBucket("bucket"), secure.makeBucket("bucket")]);
});
afterAll(async () => {
  await Promise.all([plain[Symbol.asyncDispose](), secure[Symbol.asyncDispose]()]);
});

const at = (key: string): Location => parseLocation(`s3://bucket/${key}`);
const bytes = Uint8Array.from({ length: 5_000 }, (_, index) => (index * 7) % 256);
let count = 0;

for (const [name, server] of [
  ["versitygw", () => plain],
  ["versitygw over TLS", () => secure],
] as const) {
  storageContract(name, async () => {
    const storage = server().storage();
    count += 1;
    const existing = at(`data-${count}/existing.bin`);
    await storage.put(existing, sourceOfBytes(bytes));
    return {
      storage,
      existing: { location: existing, bytes },
      free: () => at(`made-${count++}/deeper/file-${count}`),
      forbidden: null,
      bytesAt: async (location) => {
        const { bucket, key } = placeOf(location);
        return await server().kept(bucket, key);
      },
      cleanup: async () => {},
    };
  });
}

test("settings, credentials and certificates are those that AWS's own programs would take", async () => {
  for (const server of [plain, secure]) {
    for (const [name, value] of Object.entries(server.env)) vi.stubEnv(name, value);
    await using storages = new Storages();
    const location = at("by-convention/a");
    const storage = await storages.at(location);
    await storage.put(location, sourceOfBytes("found"));
    expect(Buffer.from(await server.kept("bucket", "by-convention/a")).toString()).toBe("found");
    vi.unstubAllEnvs();
  }
});

describe("objects in a bucket of a real server", () => {
  let storage: Storage;
  beforeAll(() => {
    storage = plain.storage();
  });
  afterAll(async () => {
    await storage[Symbol.asyncDispose]();
  });

  test("more than a page of names is listed, read whole, and removed", async () => {
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

  test("a file that the server found on its disk has no etag: its time of change is its version", async () => {
    await plain.keep("bucket", "found/file", "found");
    const { version, bytes } = await storage.stat(at("found/file"));
    expect(bytes).toBe(5);
    const read = await storage.read(at("found/file"), 1, 5, undefined, version);
    expect(Buffer.from(read).toString()).toBe("ound");
    for await (const [entry] of storage.list(at("found")))
      expect(entry).toMatchObject({ name: "file", stat: null });
    await plain.keep("bucket", "found/file", "later", new Date(Date.now() + 60_000));
    const later = storage.read(at("found/file"), 1, 5, undefined, version);
    await expect(later).rejects.toMatchObject({ code: "STORE_CHANGED" });
  });

  test("the bucket is a folder, another is nothing, and so is what is in it", async () => {
    expect(await storage.kindAt(parseLocation("s3://bucket"))).toBe("folder");
    expect(await storage.kindAt(parseLocation("s3://bucket/"))).toBe("folder");
    expect(await storage.kindAt(parseLocation("s3://no-such-bucket/x"))).toBeNull();
    const missing = { code: "STORE_NOT_FOUND" };
    await expect(storage.stat(parseLocation("s3://no-such-bucket/x"))).rejects.toMatchObject(missing);
    await expect(
      storage.list(parseLocation("s3://no-such-bucket"))[Symbol.asyncIterator]().next(),
    ).rejects.toMatchObject(missing);
  });

  test("a wrong secret is refused, and is in no message", async () => {
    await using stranger = plain.storage({ ...plain.credentials, secretAccessKey: "hunter2hunter2" });
    const refused = await stranger.read(at("told/a"), 0, 1).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: "STORE_REFUSED",
      fields: { reason: "SignatureDoesNotMatch" },
      hint: expect.stringContaining("AWS_SECRET_ACCESS_KEY"),
    });
    expect(JSON.stringify([refused, String(refused)])).not.toContain("hunter2");
  });

  test("a store refuses bytes that are not those of the sha256 that they are put with", async () => {
    using client = plain.client();
    const place = { bucket: "bucket", key: "damaged", path: at("damaged") };
    const body = {
      bytes: 5,
      async *chunks() {
        yield Buffer.from("wrong");
      },
    };
    const put = client.put(place, { body, sha256: sha256("right"), md5: "", ifAbsent: false });
    await expect(put).rejects.toMatchObject({ code: "STORE_FAILED" });
    expect(await storage.kindAt(at("damaged"))).toBeNull();
  });

  test("of its own put whose answer was lost, a store says that it is there, and that is success", async () => {
    const location = at("lost/answer");
    await storage.put(location, sourceOfBytes("mine"), { ifAbsent: true });
    const again = await storage.put(location, sourceOfBytes("mine"), { ifAbsent: true });
    expect(again).toEqual({ bytes: 4, sha256: sha256("mine") });
    const other = storage.put(location, sourceOfBytes("not mine"), { ifAbsent: true });
    await expect(other).rejects.toMatchObject({ code: "STORE_EXISTS" });
  });

  test("a key whose parts no address can say is refused, not changed", async () => {
    for (const key of ["a/../b", "a/./b", "a//b"]) {
      await expect(storage.put(at(key), sourceOfBytes("x"))).rejects.toMatchObject({ code: "STORE_REFUSED" });
      await expect(storage.read(at(key), 0, 1)).rejects.toMatchObject({ code: "STORE_REFUSED" });
    }
  });
});
