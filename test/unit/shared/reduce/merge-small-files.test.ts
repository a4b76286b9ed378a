import fc from "fast-check";
import { expect, test } from "vitest";
import { type MergeLimits, mergeSmallFiles } from "../../../../shared/reduce/merge-small-files.ts";
import type { SqlDatabase } from "../../../../shared/sql/sql-database.ts";

interface TinyFile {
  readonly path: string;
  readonly bytes: number;
}

/** Returns the files behind each scanned path, and the number of statements. */
async function merged(files: readonly TinyFile[], limits?: MergeLimits) {
  const written = new Map<string, TinyFile[]>();
  const byPath = new Map(files.map((file) => [file.path, file]));
  const database: Pick<SqlDatabase, "copyOwn"> = {
    copyOwn: async ({ sql }, path) => {
      const paths = [...sql.matchAll(/'([^']+)'/g)].map(([, found = ""]) => found);
      written.set(
        path,
        paths.flatMap((found) => byPath.get(found) ?? []),
      );
      return { rows: 0 };
    },
  };
  const options = { prefix: "p", signal: new AbortController().signal, ...(limits && { limits }) };
  const paths = await mergeSmallFiles(database, files, "/nowhere", options);
  return paths.map((path) => written.get(path) ?? [byPath.get(path)].flatMap((file) => file ?? []));
}

const arbitraryFiles = fc
  .array(fc.nat(100), { maxLength: 60 })
  .map((sizes) => sizes.map((bytes, index) => ({ path: `${index}`, bytes })));

test("neighboring files are merged in order, within the limits, and a single file is read in place", async () => {
  const limits = { filesInPlace: 5, filesPerMerge: 4, bytesPerMerge: 150 };
  await fc.assert(
    fc.asyncProperty(arbitraryFiles, async (files) => {
      const groups = await merged(files, limits);
      expect(groups.flat()).toEqual(files);
      for (const group of groups) {
        const bytes = group.reduce((sum, file) => sum + file.bytes, 0);
        expect(group.length).toBeGreaterThan(0);
        expect(group.length === 1 || (group.length <= 4 && bytes <= 150)).toBe(true);
      }
      if (files.length <= 5) expect(groups.length).toBe(files.length);
    }),
  );
});

test("200,000 tiny files become a few hundred", async () => {
  const files = Array.from({ length: 200_000 }, (_, index) => ({ path: `${index}`, bytes: 1000 }));
  expect((await merged(files)).length).toBe(196);
});
