import { describe, expect, test } from "vitest";
import { cutRows } from "../../../../bench/ceiling/loop-rows.ts";

const LENGTHS = [5, 1, 4, 2, 9];
const lengthOf = (row: number) => LENGTHS[row] ?? 0;

describe("the batches of a bare loop", () => {
  test("so many rows a batch, in order, the last one short", () => {
    expect(cutRows(5, { kind: "rows", rows: 2 }, lengthOf)).toEqual([[0, 1], [2, 3], [4]]);
  });

  test("sorted by length, no batch has more padded positions than its budget but for one row that is longer", () => {
    const batches = cutRows(5, { kind: "sorted", positions: 8 }, lengthOf);
    expect(batches).toEqual([[1, 3], [2], [0], [4]]);
    expect(batches.flat().toSorted()).toEqual([0, 1, 2, 3, 4]);
  });
});
