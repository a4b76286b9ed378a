import { describe, expect, test } from "vitest";
import { cutRows } from "../../../../bench/ceiling/loop-rows.ts";

const LENGTHS = [5, 1, 4, 2, 9];
const lengthOf = (row: number) => LENGTHS[row] ?? 0;

describe("the batches of a bare loop", () => {
  test("have a given number of rows in order, and the last is short", () => {
    expect(cutRows(5, { kind: "rows", rows: 2 }, lengthOf)).toEqual([[0, 1], [2, 3], [4]]);
  });

  test("stay within the budget of padded positions when sorted, except for a single longer row", () => {
    const batches = cutRows(5, { kind: "sorted", positions: 8 }, lengthOf);
    expect(batches).toEqual([[1, 3], [2], [0], [4]]);
    expect(batches.flat().toSorted()).toEqual([0, 1, 2, 3, 4]);
  });
});
