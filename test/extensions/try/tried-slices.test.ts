import { expect, test } from "vitest";
import { triedSlices } from "../../../extensions/try/tried-slices.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { aDigest } from "../../support/ids.ts";

function aPlan(...rows: number[]) {
  const files = rows.map((count, file) => ({
    path: parseLocation(`/data/${file % 2 === 0 ? "a" : "b"}/part-${Math.floor(file / 2)}.parquet`),
    ...{ format: "parquet", bytes: 1, version: "", rows: count, footerSha256: aDigest("") },
    format: "parquet" as const,
  }));
  return { dataset: { files, fields: [], digest: aDigest("") }, pruned: [], skipped: [] };
}

const placesOf = (plan: Parameters<typeof triedSlices>[0], wanted: Parameters<typeof triedSlices>[1]) =>
  triedSlices(plan, wanted).map(({ file, rowStart, rowEnd, row }) => [file.path, rowStart, rowEnd, row]);

test("the first rows are those of the plan, numbered by their place in the input", () => {
  const plan = { ...aPlan(3, 4), pruned: [{ file: 0, rowStart: 0, rowEnd: 2 }] };
  expect(placesOf(plan, { from: null, rows: 3 })).toEqual([
    ["/data/a/part-0.parquet", 2, 3, 2],
    ["/data/b/part-0.parquet", 0, 2, 3],
  ]);
  expect(placesOf(aPlan(0), { from: null, rows: 3 })).toEqual([]);
  expect(placesOf(aPlan(200), { from: null, rows: 100 }).map(([, start, end]) => [start, end])).toEqual([
    [0, 64],
    [64, 100],
  ]);
});

test("a row is selected by its place in the input or in a file, even if the plan excludes it", () => {
  const plan = { ...aPlan(3, 4, 5), pruned: [{ file: 1, rowStart: 0, rowEnd: 4 }] };
  expect(placesOf(plan, { from: { file: null, row: 4 }, rows: 4 })).toEqual([
    ["/data/b/part-0.parquet", 1, 4, 4],
    ["/data/a/part-1.parquet", 0, 1, 7],
  ]);
  for (const file of ["b/part-0.parquet", "/data/b/part-0.parquet", "./b/part-0.parquet"])
    expect(placesOf(plan, { from: { file, row: 2 }, rows: 1 })).toEqual([
      ["/data/b/part-0.parquet", 2, 3, 5],
    ]);
});

test.each([
  [{ file: null, row: 12 }, "there is no row 12"],
  [{ file: "part-7.parquet", row: 0 }, "the input has no file part-7.parquet"],
  [{ file: "part-0.parquet", row: 0 }, "the input has 2 files part-0.parquet"],
  [{ file: "a/part-1.parquet", row: 5 }, "/data/a/part-1.parquet has no row 5"],
])("%j is refused", (from, message) => {
  expect(() => triedSlices(aPlan(3, 4, 5), { from, rows: 1 })).toThrow(message);
});
