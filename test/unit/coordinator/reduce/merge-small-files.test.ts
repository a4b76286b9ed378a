import fc from "fast-check";
import { expect, test } from "vitest";
import { groupSmallFiles } from "../../../../coordinator/reduce/merge-small-files.ts";

const arbitraryFiles = fc
  .array(fc.nat(100), { maxLength: 60 })
  .map((sizes) => sizes.map((bytes, index) => ({ path: `${index}`, bytes })));

test("groups are neighbours in order, each within the limits unless it is one file", () => {
  const limits = { filesInPlace: 5, filesPerMerge: 4, bytesPerMerge: 150 };
  fc.assert(
    fc.property(arbitraryFiles, (files) => {
      const groups = groupSmallFiles(files, limits);
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

test("200,000 tiny files become a few hundred", () => {
  const files = Array.from({ length: 200_000 }, (_, index) => ({ path: `${index}`, bytes: 1000 }));
  const limits = { filesInPlace: 2048, filesPerMerge: 1024, bytesPerMerge: 128 * 1024 * 1024 };
  expect(groupSmallFiles(files, limits).length).toBe(196);
});
