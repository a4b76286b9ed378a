import { Int32, makeData, Table, Utf8, vectorFromArray } from "apache-arrow";
import fc from "fast-check";
import { expect, test } from "vitest";
import { valueBytes } from "../../../../shared/dataset/value-bytes.ts";
import { parseFolderIndex } from "../../../../shared/rows/folder-index.ts";
import { orderByFolder } from "../../../../shared/rows/order-by-folder.ts";
import { only, tableOf } from "../../../support/sample-table.ts";

interface Row {
  readonly a: string | null;
  readonly b: number;
}

function tableOfRows(rows: readonly Row[], first = 0): Table {
  const a = vectorFromArray(
    rows.map((row) => row.a),
    new Utf8(),
  );
  return tableOf({
    a: only(a),
    b: makeData({ type: new Int32(), data: Int32Array.from(rows, ({ b }) => b) }),
    n: makeData({ type: new Int32(), data: Int32Array.from(rows, (_, at) => first + at) }),
  });
}

/** Joins tables without copying their batches. */
const inBatches = (first: Table, next: Table) => new Table(first.schema, [...first.batches, ...next.batches]);

const numbersOf = (table: Table) => [...(table.getChild("n") ?? [])];

test("rows are in the order of their folders' names, and keep their order in each", () => {
  const value = fc.constantFrom("x", "y", "Z", "a/b", "", null, "é", "\u{1F600}", "\uffee");
  const row = fc.record({ a: value, b: fc.integer({ min: -3, max: 3 }) });
  const by = fc.constantFrom(["a"], ["b"], ["a", "b"], ["b", "a"]);
  fc.assert(
    fc.property(fc.array(row, { maxLength: 30 }), fc.nat(30), by, (rows, cut, partitionBy) => {
      const table = inBatches(
        tableOfRows(rows.slice(0, cut)),
        tableOfRows(rows.slice(cut), Math.min(cut, rows.length)),
      );
      const { rows: ordered, folders } = orderByFolder(table, partitionBy);
      // Each folder has the rows of one combination of values.
      const keyOf = (each: Row | undefined) =>
        JSON.stringify(partitionBy.map((name) => each?.[name as "a" | "b"]));
      const found = numbersOf(ordered);
      let start = 0;
      const keys = folders.map(({ rows: count, bytes }) => {
        const own = found.slice(start, start + count);
        expect(own).toEqual(own.toSorted((a, b) => a - b));
        expect(bytes).toBe(valueBytes(ordered.slice(start, start + count)));
        start += count;
        const [key] = new Set(own.map((n) => keyOf(rows[n])));
        expect(own).toHaveLength(rows.filter((each) => keyOf(each) === key).length);
        return key;
      });
      expect(start).toBe(rows.length);
      expect(new Set(keys).size).toBe(folders.length);
      const names = folders.map(({ name }) => name);
      expect(names).toEqual(names.toSorted());
    }),
  );
});

test("names are those of readers, and a list of them is read back", () => {
  const { folders } = orderByFolder(
    tableOfRows([
      { a: "50%", b: 7 },
      { a: null, b: -1 },
    ]),
    ["a", "b"],
  );
  expect(folders.map(({ name }) => name)).toEqual(["a=50%25/b=7", "a=__HIVE_DEFAULT_PARTITION__/b=-1"]);
  expect(parseFolderIndex(JSON.stringify(folders), "folders.json")).toEqual(folders);
});

test("rows that are in order are not copied", () => {
  const table = tableOfRows([
    { a: "x", b: 1 },
    { a: "x", b: 2 },
    { a: "y", b: 1 },
  ]);
  expect(orderByFolder(table, ["a", "b"]).rows).toBe(table);
  expect(orderByFolder(table, [])).toEqual({ rows: table, folders: [] });
});

test("null differs from any text, and combinations of values are distinguished", () => {
  const rows = ["1", "11", "-", null, "1:1", "", "null", "__HIVE_DEFAULT_PARTITION__"].map((a) => ({
    a,
    b: 0,
  }));
  expect(orderByFolder(tableOfRows(rows), ["b", "a"]).folders).toHaveLength(rows.length);
});

test("more folders than the limit, and names that are too long, are refused", () => {
  const many = (count: number) => tableOfRows(Array.from({ length: count }, (_, b) => ({ a: null, b })));
  expect(orderByFolder(many(10_000), ["a", "b"]).folders).toHaveLength(10_000);
  expect(() => orderByFolder(many(10_001), ["a", "b"])).toThrow(
    "`a` and `b` would make more than 10,000 folders",
  );
  const long = tableOfRows([
    { a: "short", b: 0 },
    { a: "x".repeat(300), b: 0 },
  ]);
  expect(() => orderByFolder(long, ["a"])).toThrow("too long for the name of a folder");
});
