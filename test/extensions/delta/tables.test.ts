import { expect, test } from "vitest";
import type { DeltaIndex } from "../../../extensions/delta/op.ts";
import { readTable } from "../../../extensions/delta/read-table.ts";
import type { DeltaSpec } from "../../../extensions/delta/spec.ts";
import { openDeltaFile } from "../../../extensions/delta/table-file.ts";
import { cutIndex } from "../../../extensions/lake/op.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import { sha256 } from "../../../shared/core/digest.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { placeOfRow } from "../../../shared/domain/row-place.ts";
import { LakeTables, openParquet, storage } from "../../support/lake-tables.ts";
import { readRows } from "../../support/read-rows.ts";
import { plainRows } from "../../support/sample-table.ts";

/**
 * Tables by deltalake and by Spark, with the rows that each reads in its own. The scripts are
 * `delta_tables.py` and `spark_tables.py` in test/external/readers.
 */

const tables = new LakeTables("delta");

/** Facts of a planned file that do not matter here. */
const PLANNED = { format: "delta", bytes: 0, version: "", rows: 0, footerSha256: sha256("") };

const rowsOf = (name: string, options: DeltaSpec = {}) =>
  tables.rows(name, { read: readTable, open: openDeltaFile }, options);

test.each([
  { name: "texts", of: "partitions of all kinds of text" },
  { name: "parts", of: "a checkpoint in parts" },
  { name: "sidecars", of: "a checkpoint with sidecars" },
])("a table with $of has the rows of the library", async ({ name }) => {
  const rows = await rowsOf(name);
  expect(rows.length).toBeGreaterThan(20);
  expect(rows).toEqual(await tables.expectedRows(name));
});

test("a table with deletion vectors has the rows that Spark reads", async () => {
  const rows = await rowsOf("deleted");
  expect(rows.length).toBeGreaterThan(500);
  expect(rows).toEqual(await tables.expectedRows("deleted"));
});

test.each(["mapped by name", "mapped by id", "mapped later"])(
  "a table with columns %s has the rows that Spark reads",
  async (name) => {
    const rows = await rowsOf(name);
    expect(rows.length).toBeGreaterThan(20);
    expect(rows).toEqual(await tables.expectedRows(name));
  },
);

test("statistics of mapped columns have their names in the table", async () => {
  const table = await readTable(parseLocation(tables.at("mapped by id")), {
    storage,
    options: null,
    signal: NEVER,
  });
  const field = { name: "number", type: { kind: "numeric", type: "int64" }, nullable: true } as const;
  for (const { path, index } of table.files) {
    using file = openDeltaFile(await openParquet(path), index);
    const rows = await readRows(file, { columns: ["number"] });
    const [statistics] = file.statistics([field]) ?? [];
    const numbers = [...(rows.getChild("number") ?? [])].map(Number);
    expect(numbers).toHaveLength(file.rows);
    expect(Object.keys(statistics ?? {})).toEqual(["number"]);
    expect(Number(statistics?.number?.least)).toBeLessThanOrEqual(Math.min(...numbers));
    expect(Number(statistics?.number?.greatest)).toBeGreaterThanOrEqual(Math.max(...numbers));
  }
});

test("rows of a file with deleted rows are those of its row groups, its ranges and its lease", async () => {
  const table = await readTable(parseLocation(tables.at("deleted")), {
    storage,
    options: null,
    signal: NEVER,
  });
  const indexes = table.files.map(({ path, index }) => ({ path, index: index as DeltaIndex }));
  expect(indexes.filter(({ index }) => index.deleted !== null)).toHaveLength(4);
  for (const { path, index } of indexes) {
    using plain = await openParquet(path);
    using file = openDeltaFile(await openParquet(path), index);
    const all = plainRows(await readRows(file));
    expect(all).toHaveLength(file.rows);
    expect(file.rows).toBe(plain.rows - (index.deleted?.rows ?? 0));
    expect(file.rowGroups.map(({ rows }) => rows).reduce((a, b) => a + b)).toBe(file.rows);
    const physical = plainRows(await readRows(plain)) as Record<string, unknown>[];
    for (let from = 0; from < file.rows; from += 37) {
      const range = { rowStart: from, rowEnd: Math.min(file.rows, from + 50) };
      const cut = cutIndex(index, range.rowStart, range.rowEnd);
      using leased = openDeltaFile(await openParquet(path), cut);
      expect(leased).toMatchObject({ rows: file.rows, footerSha256: file.footerSha256 });
      expect(plainRows(await readRows(leased, range))).toEqual(all.slice(from, range.rowEnd));
      // The place of a row is that in the data file.
      const place = placeOfRow({ ...PLANNED, path: parseLocation(path), text: cut }, from);
      expect(physical[place.row]).toMatchObject({ id: (all[from] as Record<string, unknown>).id });
    }
  }
});

test("columns that were added later are null in earlier files, also within a struct", async () => {
  expect(await rowsOf("evolved", { version: 2 })).toEqual(await tables.expectedRows("evolved"));
  expect(await rowsOf("evolved")).toEqual(['{"other":1.5}']);
});

test("a read of single columns has their values, whichever the file lacks", async () => {
  const table = await readTable(parseLocation(tables.at("parts")), {
    storage,
    options: null,
    signal: NEVER,
  });
  const [first] = table.files;
  if (first === undefined) throw new Error("the table has files");
  using file = openDeltaFile(await openParquet(first.path), first.index);
  const { rows } = file;
  for (const columns of [["part"], ["id"], ["part", "id"]]) {
    const read = await readRows(file, { columns, rowStart: 1 });
    expect([read.schema.names, read.numRows]).toEqual([columns, rows - 1]);
  }
  const [statistics] = file.statistics([{ name: "part", type: { kind: "string" }, nullable: true }]) ?? [];
  expect(statistics).toEqual({ part: { least: "p 0", greatest: "p 0", nulls: 0 } });
});
