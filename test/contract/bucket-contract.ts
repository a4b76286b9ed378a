import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ObjectPage } from "../../extensions/object-store/object-client.ts";
import { placeOf } from "../../extensions/object-store/object-place.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { sha256 } from "../../shared/core/digest.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { Entry, Storage } from "../../shared/storage/storage.ts";
import type { BucketServer } from "../support/bucket-server.ts";
import { storageContract } from "./storage-contract.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

const MIB = 1 << 20;
/** Larger than a piece in any of the stores that accept pieces of this size. */
const large = Buffer.alloc(40 * MIB + 12_345, "0123456789abcdef-");
const small = Uint8Array.from({ length: 5_000 }, (_, index) => (index * 7) % 256);

/**
 * Checks a bucket of a real server, with the promises of all storages and of object stores.
 *
 * @param own facts that differ between stores
 */
export function bucketContract(
  name: string,
  start: () => Promise<BucketServer>,
  own: Pick<StorageUnderTest, "unnameable" | "mistaken" | "keepsFolders"> = {},
): void {
  let server: BucketServer;
  let storage: Storage;
  beforeAll(async () => {
    server = await start();
    storage = server.storage();
  });
  afterAll(async () => {
    await storage[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });
  const at = (...names: readonly string[]): Location => below(server.bucket, ...names);

  let count = 0;
  storageContract(name, async () => {
    const contracted = server.storage();
    count += 1;
    const existing = at(`data-${count}`, "existing.bin");
    await contracted.put(existing, sourceOfBytes(small), { signal: NEVER });
    return {
      storage: contracted,
      existing: { location: existing, bytes: small },
      free: () => at(`made-${count++}`, "deeper", `file-${count}`),
      forbidden: null,
      ...own,
      bytesAt: (location) => server.kept(placeOf(location).key),
      cleanup: async () => {},
    };
  });

  describe(`objects in a bucket of ${name}`, () => {
    test("a folder of more than one page is listed in order, and can be removed", async () => {
      using client = server.client();
      const folder = at("many");
      const names = Array.from(
        { length: 1_203 },
        (_, index) => `file-${String(index).padStart(5, "0")} +%.bin`,
      );
      await mapConcurrent(names, 20, (each) =>
        storage.put(below(folder, each), sourceOfBytes(each), { signal: NEVER }),
      );
      const pages: number[] = [];
      const found: string[] = [];
      for (let from: string | null = null; ; ) {
        const wanted = { prefix: "many/", delimiter: "/", most: 1_000, from } as const;
        const page: ObjectPage = await client.list(placeOf(folder), wanted, NEVER);
        pages.push(page.objects.length);
        found.push(...page.objects.map(({ key }) => key.slice("many/".length)));
        from = page.next;
        if (from === null) break;
      }
      expect(found).toEqual(names);
      expect(pages).toEqual([1_000, 203]);
      await storage.remove(folder, NEVER);
      expect(await storage.kindAt(folder, NEVER)).toBeNull();
    });

    test("an object can be read by the version in its listing", async () => {
      await storage.put(at("listed", "a"), sourceOfBytes("content"), { signal: NEVER });
      const entries: Entry[] = [];
      for await (const page of storage.list(at("listed"), { signal: NEVER })) entries.push(...page);
      expect(entries).toMatchObject([{ name: "a", kind: "file", stat: { bytes: 7 } }]);
      const version = entries[0]?.stat?.version;
      expect(version).toEqual(expect.any(String));
      const read = await storage.read(at("listed", "a"), 0, 7, { version, signal: NEVER });
      expect(Buffer.from(read).toString()).toBe("content");
    });

    test("a large object is put once with its sha256, and a copy keeps it", async () => {
      const [one, other] = [at("large", "a"), at("large", "b")];
      const placed = await storage.put(one, sourceOfBytes(large), { ifAbsent: true, signal: NEVER });
      expect(placed).toEqual({ bytes: large.length, sha256: sha256(large) });
      expect(sha256(await server.kept("large/a"))).toBe(placed.sha256);
      await storage.copy(one, other, NEVER);
      expect(await storage.checksums?.of(other, NEVER)).toEqual(placed);
      const zeros = storage.put(one, sourceOfBytes(Buffer.alloc(large.length)), {
        ifAbsent: true,
        signal: NEVER,
      });
      await expect(zeros).rejects.toMatchObject({ code: "STORE_EXISTS" });
      // A repetition of its own put, whose answer was lost, is success.
      expect(await storage.put(one, sourceOfBytes(large), { ifAbsent: true, signal: NEVER })).toEqual(placed);
    });

    test("exactly one of several concurrent puts of a large object succeeds", async () => {
      const all = ["a", "b", "c"].map((letter) => Buffer.alloc(17 * MIB + 5, letter));
      const puts = all.map((each) =>
        storage.put(at("raced"), sourceOfBytes(each), { ifAbsent: true, signal: NEVER }),
      );
      const outcomes = await Promise.allSettled(puts);
      const won = all.filter((_, index) => outcomes[index]?.status === "fulfilled");
      expect(won).toHaveLength(1);
      expect(sha256(await server.kept("raced"))).toBe(sha256(won[0] ?? Buffer.alloc(0)));
    });

    test("the store refuses bytes that do not match their digests", async () => {
      using client = server.client();
      const body = {
        bytes: 5,
        async *chunks() {
          yield Buffer.from("wrong");
        },
      };
      const md5 = createHash("md5").update("right").digest("hex");
      const put = client.put(
        placeOf(at("damaged")),
        { body, sha256: sha256("right"), md5, ifAbsent: false },
        NEVER,
      );
      await expect(put).rejects.toMatchObject({ code: "STORE_FAILED" });
      expect(await storage.kindAt(at("damaged"), NEVER)).toBeNull();
    });

    test("a put of a large object whose bytes do not match its digest leaves no object", async () => {
      const announced = { sha256: sha256("right"), signal: NEVER };
      const put = storage.put(at("damaged"), sourceOfBytes(Buffer.alloc(17 * MIB)), announced);
      await expect(put).rejects.toMatchObject({ code: "STORE_FAILED" });
      expect(await storage.kindAt(at("damaged"), NEVER)).toBeNull();
    });

    test("the bucket is a folder, and a missing bucket has no files", async () => {
      expect(await storage.kindAt(server.bucket, NEVER)).toBe("folder");
      expect(await storage.kindAt(below(server.noBucket, "x"), NEVER)).toBeNull();
      const missing = { code: "STORE_NOT_FOUND" };
      await expect(storage.stat(below(server.noBucket, "x"), NEVER)).rejects.toMatchObject(missing);
      const pages = storage.list(server.noBucket, { signal: NEVER });
      await expect(pages[Symbol.asyncIterator]().next()).rejects.toMatchObject(missing);
    });
  });
}
