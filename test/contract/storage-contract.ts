import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { NEVER } from "../../shared/core/abort.ts";
import { sha256 } from "../../shared/core/digest.ts";
import type { Location } from "../../shared/domain/location.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { PutSource } from "../../shared/storage/storage.ts";
import { changingContract, listingContract } from "./storage-folders-contract.ts";
import { contentOf, type StorageUnderTest, testsOf } from "./storage-under-test.ts";

/** Checks the promises of every storage. Abilities that it denies are not tested. */
export function storageContract(name: string, makeStorage: () => Promise<StorageUnderTest>): void {
  describe(`${name} as a storage`, () => {
    let on: StorageUnderTest;
    const put = (location: Location, bytes: Uint8Array | string) =>
      on.storage.put(location, sourceOfBytes(bytes), { ifAbsent: true, signal: NEVER });

    const putting = testsOf(
      () => on,
      ({ storage }) => storage.can.put,
    );
    const forbidding = testsOf(
      () => on,
      ({ forbidden }) => forbidden !== null,
    );
    const forbiddingPuts = testsOf(
      () => on,
      ({ forbidden, storage }) => forbidden !== null && storage.can.put,
    );

    beforeEach(async () => {
      on = await makeStorage();
    });
    afterEach(async () => {
      await on.storage[Symbol.asyncDispose]();
      await on.cleanup();
    });

    describe("reading", () => {
      it("the size and version of a file are the same at each call", async () => {
        const stat = await on.storage.stat(on.existing.location, NEVER);
        expect(stat.bytes).toBe(on.existing.bytes.length);
        expect(stat.version).not.toBe("");
        expect(await on.storage.stat(on.existing.location, NEVER)).toEqual(stat);
        expect(await on.storage.kindAt(on.existing.location, NEVER)).toBe("file");
        expect(await on.storage.real(on.existing.location, NEVER)).toBe(on.existing.location);
      });

      it("a read returns exactly the requested range", async () => {
        const { location, bytes } = on.existing;
        const range = fc
          .tuple(fc.nat(bytes.length), fc.nat(bytes.length))
          .map((ends) => ends.sort((a, b) => a - b));
        await fc.assert(
          fc.asyncProperty(range, async ([start = 0, end = 0]) => {
            const read = await on.storage.read(location, start, end, { signal: NEVER });
            expect(Buffer.compare(read, bytes.subarray(start, end))).toBe(0);
          }),
          { numRuns: 25, examples: [[[0, bytes.length]], [[5, 5]], [[bytes.length - 1, bytes.length]]] },
        );
      });

      it("each read returns its own buffer", async () => {
        const { location, bytes } = on.existing;
        const first = await on.storage.read(location, 0, 100, { signal: NEVER });
        first.fill(0);
        expect(
          Buffer.compare(await on.storage.read(location, 0, 100, { signal: NEVER }), bytes.subarray(0, 100)),
        ).toBe(0);
      });

      it("a read into given memory returns the requested bytes, there or in other memory", async () => {
        const { location, bytes } = on.existing;
        const sizes: number[] = [];
        const allocate = (size: number) => {
          sizes.push(size);
          return new Uint8Array(size).fill(7);
        };
        const read = await on.storage.read(location, 10, 60, { allocate, signal: NEVER });
        expect(Buffer.compare(read, bytes.subarray(10, 60))).toBe(0);
        expect(sizes.every((size) => size === 50)).toBe(true);
      });

      it("many concurrent reads of one file return the right bytes", async () => {
        const { location, bytes } = on.existing;
        const reads = Array.from({ length: 40 }, (_, index) =>
          on.storage.read(location, index * 10, index * 10 + 10, { signal: NEVER }),
        );
        expect(Buffer.compare(Buffer.concat(await Promise.all(reads)), bytes.subarray(0, 400))).toBe(0);
      });

      it("a read of another version is refused where the storage checks versions", async () => {
        const { location, bytes } = on.existing;
        const { version } = await on.storage.stat(location, NEVER);
        const read = await on.storage.read(location, 10, 20, { version, signal: NEVER });
        expect(Buffer.compare(read, bytes.subarray(10, 20))).toBe(0);
        const other = on.storage.read(location, 10, 20, { version: '"another"', signal: NEVER });
        if (on.storage.can.versions) await expect(other).rejects.toMatchObject({ code: "STORE_CHANGED" });
        else expect(Buffer.compare(await other, bytes.subarray(10, 20))).toBe(0);
      });

      it("an invalid range, or one beyond the end of the file, is refused", async () => {
        const { location, bytes } = on.existing;
        const past = on.storage.read(location, bytes.length - 1, bytes.length + 1, { signal: NEVER });
        await expect(past).rejects.toMatchObject({ code: "STORE_FAILED" });
        await expect(on.storage.read(location, 10, 5, { signal: NEVER })).rejects.toMatchObject({
          code: "STORE_FAILED",
        });
      });

      it("a missing file is reported as not found or as refused", async () => {
        const location = on.free();
        const codes = expect.stringMatching(/^STORE_(NOT_FOUND|REFUSED)$/);
        await expect(on.storage.stat(location, NEVER)).rejects.toMatchObject({ code: codes });
        await expect(on.storage.read(location, 0, 1, { signal: NEVER })).rejects.toMatchObject({
          code: codes,
        });
      });

      forbidding("reading a forbidden file is refused", async ({ storage, forbidden }) => {
        const read = storage.read(forbidden ?? on.free(), 0, 1, { signal: NEVER });
        await expect(read).rejects.toMatchObject({ code: "STORE_REFUSED" });
      });

      it("calls with an aborted signal reject with its reason", async () => {
        const reason = new Error("enough");
        const signal = AbortSignal.abort(reason);
        await expect(on.storage.stat(on.existing.location, signal)).rejects.toBe(reason);
        await expect(on.storage.read(on.existing.location, 0, 10, { signal })).rejects.toBe(reason);
      });
    });

    describe("putting", () => {
      forbiddingPuts("putting a forbidden file is refused", async ({ forbidden }) => {
        await expect(put(forbidden ?? on.free(), "x")).rejects.toMatchObject({ code: "STORE_REFUSED" });
      });

      putting("a put with an aborted signal rejects with its reason and leaves no file", async () => {
        const reason = new Error("enough");
        const location = on.free();
        const options = { ifAbsent: true, signal: AbortSignal.abort(reason) };
        await expect(on.storage.put(location, sourceOfBytes("x"), options)).rejects.toBe(reason);
        await put(location, "y");
        expect(contentOf(await on.bytesAt(location))).toBe("y");
      });

      putting("a file of any size is put whole, and its sha256 is returned", async () => {
        for (const size of [0, 1, 65_535, 65_536, 3_000_000]) {
          const location = on.free();
          const bytes = Uint8Array.from({ length: size }, (_, index) => (index * 31) % 251);
          expect(await put(location, bytes)).toEqual({ bytes: size, sha256: sha256(bytes) });
          expect(Buffer.compare(await on.bytesAt(location), bytes)).toBe(0);
        }
      });

      putting("a put that requires absence does not replace a file with other bytes", async () => {
        const location = on.free();
        await put(location, "first");
        await expect(put(location, "other")).rejects.toMatchObject({ code: "STORE_EXISTS" });
        await expect(put(location, "")).rejects.toMatchObject({ code: "STORE_EXISTS" });
        expect(contentOf(await on.bytesAt(location))).toBe("first");
      });

      putting("a repeated put of the same bytes succeeds", async () => {
        const location = on.free();
        const first = await put(location, "the same");
        expect(await put(location, "the same")).toEqual(first);
        expect(contentOf(await on.bytesAt(location))).toBe("the same");
      });

      putting("exactly one of many concurrent puts succeeds", async () => {
        const location = on.free();
        const texts = ["a", "b", "c", "d", "e"].map((letter) => letter.repeat(1_000));
        const outcomes = await Promise.allSettled(texts.map((each) => put(location, each)));
        const won = texts.filter((_, index) => outcomes[index]?.status === "fulfilled");
        for (const outcome of outcomes) {
          if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "STORE_EXISTS" });
        }
        expect(won).toEqual([contentOf(await on.bytesAt(location))]);
      });

      putting("a put whose bytes are missing, or not as announced, leaves no file", async () => {
        const location = on.free();
        const broken: PutSource = {
          bytes: 100,
          async *chunks() {
            yield new Uint8Array(50);
            throw new Error("the line broke");
          },
        };
        const short: PutSource = { ...sourceOfBytes("four"), bytes: 5 };
        const long: PutSource = { ...sourceOfBytes("four"), bytes: 3 };
        for (const source of [broken, short, long]) {
          await expect(on.storage.put(location, source, { ifAbsent: true, signal: NEVER })).rejects.toThrow();
        }
        const wrong = { ifAbsent: true, sha256: sha256("another"), signal: NEVER };
        await expect(on.storage.put(location, sourceOfBytes("four"), wrong)).rejects.toMatchObject({
          code: "STORE_FAILED",
        });
        expect(await put(location, "now")).toEqual({ bytes: 3, sha256: sha256("now") });
        expect(contentOf(await on.bytesAt(location))).toBe("now");
      });
    });

    listingContract(() => on);
    changingContract(() => on);
  });
}
