import fc from "fast-check";
import { expect, test } from "vitest";
import type { PartialManifest } from "../../../../shared/domain/partial.ts";
import {
  isPartialFileName,
  type PartialShape,
  parquetRows,
  partialLayout,
  reducedFile,
} from "../../../../shared/domain/partial-layout.ts";

const shape = fc.record<PartialShape>({
  rowsFormat: fc.constantFrom("parquet", "arrow", "none"),
  partitionBy: fc.constantFrom([], ["day"]),
  reduce: fc.dictionary(
    fc.stringMatching(/^[A-Za-z0-9_-]{1,100}$/).filter((name) => name !== "__proto__"),
    fc.oneof(
      fc.record({ combine: fc.constant("FROM rows"), final: fc.constant("FROM partials") }),
      fc.record({ final: fc.constant("FROM rows") }),
    ),
    { maxKeys: 4 },
  ),
});

function namesOf(of: PartialShape, hasDeadLetters = false): string[] {
  return partialLayout(of, { hasDeadLetters }).map(({ name }) => name);
}

test("a partial has rows in the published format, any dead letters, and a table for each combine", () => {
  const combine = { sums: { combine: "FROM rows", final: "FROM partials" } };
  const scan = { all: { final: "FROM rows" } };
  expect(namesOf({ rowsFormat: "parquet", reduce: {} })).toEqual(["rows.parquet"]);
  expect(namesOf({ rowsFormat: "none", reduce: {} })).toEqual([]);
  expect(namesOf({ rowsFormat: "arrow", reduce: combine }, true)).toEqual([
    "rows.arrow",
    "errors.parquet",
    "combined-sums.parquet",
  ]);
  expect(namesOf({ rowsFormat: "arrow", reduce: {}, hasSample: true })).toEqual([
    "rows.arrow",
    "sample.arrow",
  ]);
  expect(namesOf({ rowsFormat: "parquet", reduce: {}, partitionBy: ["day"] })).toEqual([
    "rows.parquet",
    "folders.json",
  ]);
  expect(namesOf({ rowsFormat: "parquet", reduce: scan })).toEqual(["rows.parquet"]);
  expect(namesOf({ rowsFormat: "arrow", reduce: scan })).toEqual(["rows.arrow", "scan.parquet"]);
  expect(namesOf({ rowsFormat: "none", reduce: { ...scan, ...combine } })).toEqual([
    "scan.parquet",
    "combined-sums.parquet",
  ]);
});

test("each file of a partial has a unique and valid name", () => {
  fc.assert(
    fc.property(shape, fc.boolean(), (of, hasDeadLetters) => {
      const names = namesOf(of, hasDeadLetters);
      expect(new Set(names).size).toBe(names.length);
      expect(names.filter((name) => !isPartialFileName(name))).toEqual([]);
    }),
  );
});

test("every reduction finds the file that it reads", () => {
  fc.assert(
    fc.property(shape, (of) => {
      const files = partialLayout(of, { hasDeadLetters: false });
      const partial = { shard: 0, files } as unknown as PartialManifest;
      for (const [name, { combine }] of Object.entries(of.reduce)) {
        const { kind } = reducedFile(partial, combine === undefined ? null : name);
        expect(kind === "combined").toBe(combine !== undefined);
      }
    }),
  );
});

test("a partial with rows only in Arrow has no Parquet rows", () => {
  expect(parquetRows(partialLayout({ rowsFormat: "arrow", reduce: {} }, { hasDeadLetters: true }))).toBe(
    null,
  );
});

test.each([
  "",
  "rows",
  "../rows.parquet",
  "rows.parquet\0",
  "combined-../x.parquet",
  "combined-.parquet",
  ".beacon",
])("%j is not the name of a partial's file", (name) => {
  expect(isPartialFileName(name)).toBe(false);
});
