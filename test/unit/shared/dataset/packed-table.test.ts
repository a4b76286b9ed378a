import { Table } from "apache-arrow";
import { expect, test } from "vitest";
import { buffersOfTables, packTable, unpackTable } from "../../../../shared/dataset/packed-table.ts";
import { everyType, plainRows, smallTable } from "../../../support/sample-table.ts";

/** Returns the table as one thread sends it to another. */
function sent(table: Table): Table {
  const packed = packTable(table);
  return unpackTable(structuredClone(packed, { transfer: buffersOfTables(packed) }));
}

const plain = (rows: number) => {
  const table = everyType(rows);
  return table.select(table.schema.fields.map(({ name }) => name).filter((name) => name !== "dictionary"));
};

test("a packed table keeps its types, values and nulls", () => {
  const expected = plain(203);
  const found = sent(plain(203));
  expect(found.schema.fields.map(String)).toEqual(expected.schema.fields.map(String));
  expect(plainRows(found)).toEqual(plainRows(expected));
  expect(found.schema.fields.map((_, at) => found.getChildAt(at)?.nullCount)).toEqual(
    expected.schema.fields.map((_, at) => expected.getChildAt(at)?.nullCount),
  );
});

test("batches that share memory and a table without rows are unpacked unchanged", () => {
  const pieces = () => {
    const table = smallTable(100);
    return new Table(table.schema, [...table.slice(0, 33).batches, ...table.slice(33, 100).batches]);
  };
  expect(plainRows(sent(pieces()))).toEqual(plainRows(smallTable(100)));
  expect(sent(pieces()).batches).toHaveLength(2);
  expect(sent(smallTable(0)).schema.names).toEqual(["id", "x", "name"]);
});

test("sending a table moves its memory without a copy", () => {
  const table = smallTable(100);
  const values: Float32Array = table.getChild("x")?.data[0]?.values;
  expect(values.length).toBe(100);
  sent(table);
  expect(values.length).toBe(0);
});

test("a column with a dictionary is refused", () => {
  expect(() => packTable(everyType(5).select(["dictionary"]))).toThrow("plain columns");
});
