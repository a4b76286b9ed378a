import fc from "fast-check";
import { describe, expect } from "vitest";
import { NEVER } from "../../shared/core/abort.ts";
import { below, type FileStat, folderOf, type Location, nameOf } from "../../shared/domain/location.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { contentOf, type StorageUnderTest, testsOf } from "./storage-under-test.ts";

/** Checks the promises of a storage with listings. */
export function listingContract(current: () => StorageUnderTest): void {
  /**
   * Names as in real data, with blanks, umlauts, and characters that have a meaning in URIs, globs and XML.
   */
  const nameArbitrary = fc
    .string({ unit: fc.constantFrom(..."abz09 ._-=%+&?#[]{}*'\"<>\\äß漢🙂"), minLength: 1, maxLength: 20 })
    .filter((name) => name !== "." && name !== "..");

  const listing = testsOf(current, ({ storage }) => storage.can.list);
  const refusing = testsOf(current, ({ unnameable }) => unnameable !== undefined);

  describe("listing", () => {
    listing(
      "a listing returns every name as it was put, and deeper files only as a folder",
      async ({ storage, free, unnameable, mistaken }) => {
        const others = [unnameable, mistaken].filter((each) => each !== undefined);
        const nameable = nameArbitrary.filter((name) => !others.some((each) => name.includes(each)));
        const names = fc.uniqueArray(nameable, {
          minLength: 1,
          maxLength: 12,
          selector: (n) => n.normalize(),
        });
        await fc.assert(
          fc.asyncProperty(names, fc.nat(2), async (all, folders) => {
            const folder = free();
            for (const [index, name] of all.entries()) {
              const location = below(folder, name, ...(index < folders ? ["inner", "file"] : []));
              await storage.put(location, sourceOfBytes(name), { signal: NEVER });
              const bytes = Buffer.byteLength(name);
              expect(contentOf(await storage.read(location, 0, bytes, { signal: NEVER }))).toBe(name);
              expect(nameOf(index < folders ? folderOf(folderOf(location)) : location)).toBe(name);
            }
            const expected = all.map((name, index) => ({ name, kind: index < folders ? "folder" : "file" }));
            expect(await list(storage, folder)).toEqual(sorted(expected));
          }),
          { numRuns: 15 },
        );
      },
    );

    refusing(
      "a name that the storage would confuse with another one is refused",
      async ({ storage, free, unnameable }) => {
        const location = below(free(), `a${unnameable}b`);
        const refused = { code: "STORE_REFUSED" };
        await expect(storage.put(location, sourceOfBytes("x"), { signal: NEVER })).rejects.toMatchObject(
          refused,
        );
        await expect(storage.read(location, 0, 1, { signal: NEVER })).rejects.toMatchObject(refused);
      },
    );

    listing(
      "a listing returns only names with a prefix, and the same facts as stat",
      async ({ storage, free, listsNoStatus }) => {
        const folder = free();
        for (const name of ["part-1", "part-2", "other"])
          await storage.put(below(folder, name), sourceOfBytes(name), { signal: NEVER });
        expect(await list(storage, folder, "part-")).toEqual([
          { name: "part-1", kind: "file" },
          { name: "part-2", kind: "file" },
        ]);
        expect(await list(storage, folder, "none")).toEqual([]);
        const found = new Map<string, FileStat | null>();
        for await (const page of storage.list(folder, { signal: NEVER }))
          for (const { name, stat } of page) found.set(name, stat);
        for (const name of ["other", "part-1", "part-2"]) {
          const stat = await storage.stat(below(folder, name), NEVER);
          expect(found.get(name)).toEqual(listsNoStatus === true ? null : stat);
        }
      },
    );

    listing(
      "a missing folder is reported as not found, and a folder cannot be read as a file",
      async ({ storage, free, existing }) => {
        await expect(list(storage, free())).rejects.toMatchObject({ code: "STORE_NOT_FOUND" });
        expect(await storage.kindAt(free(), NEVER)).toBeNull();
        const folder = folderOf(existing.location);
        expect(await storage.kindAt(folder, NEVER)).toBe("folder");
        await expect(storage.stat(folder, NEVER)).rejects.toMatchObject({ code: "STORE_FAILED" });
        await expect(storage.read(folder, 0, 1, { signal: NEVER })).rejects.toMatchObject({
          code: "STORE_FAILED",
        });
      },
    );

    listing("a listing with an aborted signal rejects with its reason", async ({ storage, existing }) => {
      const reason = new Error("enough");
      const pages = storage.list(folderOf(existing.location), { signal: AbortSignal.abort(reason) });
      await expect(pages[Symbol.asyncIterator]().next()).rejects.toBe(reason);
    });
  });
}

/** Checks the promises of a storage about changes, for the abilities that it claims. */
export function changingContract(current: () => StorageUnderTest): void {
  const putText = (location: Location, content: string) =>
    current().storage.put(location, sourceOfBytes(content), { signal: NEVER });

  const changing = testsOf(current, ({ storage: { can } }) => can.put && can.list);
  const renaming = testsOf(current, ({ storage }) => storage.can.rename);
  const linking = testsOf(current, ({ storage }) => storage.can.link);

  describe("changing", () => {
    changing("a put replaces a file and gives it another version", async ({ storage, free, bytesAt }) => {
      const location = free();
      await putText(location, "first");
      const before = await storage.stat(location, NEVER);
      expect(contentOf(await storage.read(location, 0, 5, { signal: NEVER }))).toBe("first");
      await putText(location, "other");
      expect((await storage.stat(location, NEVER)).version).not.toBe(before.version);
      expect(contentOf(await storage.read(location, 0, 5, { signal: NEVER }))).toBe("other");
      const old = storage.read(location, 0, 5, { version: before.version, signal: NEVER });
      if (storage.can.versions) await expect(old).rejects.toMatchObject({ code: "STORE_CHANGED" });
      else expect(contentOf(await old)).toBe("other");
      expect(contentOf(await bytesAt(location))).toBe("other");
    });

    changing(
      "remove deletes a file or a whole folder, but no name with only the same prefix",
      async ({ storage, free, keepsFolders }) => {
        const folder = free();
        for (const name of ["a", "b/c", "b/d/e", "bc"]) await putText(below(folder, name), name);
        await storage.remove(below(folder, "b"), NEVER);
        await storage.remove(below(folder, "a"), NEVER);
        await storage.remove(below(folder, "never-there"), NEVER);
        expect(await storage.kindAt(below(folder, "b"), NEVER)).toBeNull();
        const left = await list(storage, folder);
        const files = left.filter(({ kind }) => kind === "file");
        expect(keepsFolders === true ? files : left).toEqual([{ name: "bc", kind: "file" }]);
      },
    );

    changing("a copy replaces an existing file and leaves the source", async ({ storage, free, bytesAt }) => {
      const [from, to] = [free(), free()];
      await putText(from, "copied");
      await putText(to, "there");
      await storage.copy(from, to, NEVER);
      await storage.copy(from, to, NEVER);
      await storage.sync(folderOf(to));
      expect([contentOf(await bytesAt(from)), contentOf(await bytesAt(to))]).toEqual(["copied", "copied"]);
      expect(await list(storage, folderOf(to))).toEqual([{ name: nameOf(to), kind: "file" }]);
      await expect(storage.copy(free(), free(), NEVER)).rejects.toMatchObject({ code: "STORE_NOT_FOUND" });
    });

    renaming("a rename replaces a file, but never a folder with files", async ({ storage, free }) => {
      const [from, to] = [free(), free()];
      await putText(below(from, "a"), "a");
      await storage.rename(from, to);
      expect(await storage.kindAt(from, NEVER)).toBeNull();
      await putText(below(from, "b"), "b");
      await expect(storage.rename(from, to)).rejects.toMatchObject({ code: "STORE_EXISTS" });
      await storage.rename(below(from, "b"), below(to, "a"));
      await storage.sync(to);
      expect(contentOf(await storage.read(below(to, "a"), 0, 1, { signal: NEVER }))).toBe("b");
      await expect(storage.rename(free(), free())).rejects.toMatchObject({ code: "STORE_NOT_FOUND" });
    });

    linking("a link to a file never replaces another file", async ({ storage, free, bytesAt }) => {
      const [from, to] = [free(), free()];
      await putText(from, "linked");
      await storage.link(from, to);
      await storage.remove(from, NEVER);
      expect(contentOf(await bytesAt(to))).toBe("linked");
      await putText(from, "again");
      await expect(storage.link(from, to)).rejects.toMatchObject({ code: "STORE_EXISTS" });
      expect(contentOf(await bytesAt(to))).toBe("linked");
    });
  });
}

async function list(
  storage: Storage,
  folder: Location,
  prefix = "",
): Promise<{ name: string; kind: string }[]> {
  const found: { name: string; kind: string }[] = [];
  for await (const page of storage.list(folder, { prefix, signal: NEVER })) {
    for (const { name, kind } of page) found.push({ name, kind });
  }
  return sorted(found);
}

function sorted<T extends { readonly name: string }>(entries: readonly T[]): T[] {
  return [...entries].sort((a, b) => (a.name < b.name ? -1 : 1));
}
