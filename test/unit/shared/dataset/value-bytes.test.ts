import { Table } from "apache-arrow";
import { expect, it } from "vitest";
import { valueBytes } from "../../../../shared/dataset/value-bytes.ts";
import { embeddings, everyType, tableOf } from "../../../support/sample-table.ts";

it("a float counts as four bytes and a validity bit, and a list as its items and a validity bit", () => {
  const width = 16;
  const lists = 80;
  const itemBits = lists * width;
  expect(valueBytes(tableOf({ e: embeddings(lists, width) }))).toBe(
    lists * width * 4 + itemBits / 8 + lists / 8,
  );
});

it("the same rows have the same number of bytes, whatever pieces the rows are in", () => {
  const table = everyType(203);
  const pieces = [0, 1, 8, 77, 150].flatMap(
    (start, at, starts) => table.slice(start, starts[at + 1]).batches,
  );
  for (const { name } of table.schema.fields) {
    const column = table.select([name]);
    const inPieces = new Table(table.schema, pieces).select([name]);
    expect(valueBytes(inPieces), name).toBe(valueBytes(column));
  }
  expect(valueBytes(table.slice(0, 0))).toBe(0);
});
