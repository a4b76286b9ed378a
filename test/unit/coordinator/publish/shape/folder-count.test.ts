import { Int32, makeData, Utf8, vectorFromArray } from "apache-arrow";
import { expect, test } from "vitest";
import { FolderCount } from "../../../../../coordinator/publish/shape/folder-count.ts";
import { present } from "../../../../../shared/core/assert.ts";
import { only, tableOf } from "../../../../support/sample-table.ts";

const numbers = (first: number, rows: number) => {
  const data = Int32Array.from({ length: rows }, (_, row) => first + row);
  return present(tableOf({ k: makeData({ type: new Int32(), data }) }).batches[0], "a batch");
};
const texts = (a: readonly (string | null)[], b: readonly (string | null)[]) => {
  const column = (values: readonly (string | null)[]) => only(vectorFromArray([...values], new Utf8()));
  return present(tableOf({ a: column(a), b: column(b) }).batches[0], "a batch");
};

test("folders are counted once over all batches, and the first one above the limit is refused", () => {
  const count = new FolderCount(["k"]);
  count.add(numbers(0, 6_000));
  count.add(numbers(3_000, 7_000));
  count.add(numbers(0, 10_000));
  expect(() => count.add(numbers(10_000, 1))).toThrow("`k` would make more than 10,000 folders");
  // The refused values are not counted.
  count.add(numbers(5_000, 5_000));
});

test("combinations of values in several columns are distinguished, and null differs from any text", () => {
  const half = Array.from({ length: 4_996 }, (_, at) => `${at}`);
  const count = new FolderCount(["a", "b"]);
  count.add(texts(half, half));
  count.add(texts(half, [...half].reverse()));
  const a = ["1", "11", "-", null, "1:1", "", "x", null];
  const b = ["11", "1", null, "-", "", "1:1", null, "x"];
  count.add(texts(a, b));
  expect(() => count.add(texts(["new"], ["new"]))).toThrow("`a` and `b` would make more than 10,000 folders");
});

test("a folder whose name would be too long is refused at once", () => {
  const count = new FolderCount(["a"]);
  const long = texts(["short", "x".repeat(300)], [null, null]);
  expect(() => count.add(long)).toThrow("too long for the name of a folder");
});
