import { describe, expect, test } from "vitest";
import { dueDims, overridesDeclaration, shapeHint } from "../../../../shared/domain/model-output.ts";
import type { Dim } from "../../../../shared/domain/tensor.ts";

test("the dimensions of an output are its row, the batch at its axis and the length of its sequence", () => {
  const ran = { rows: 4, lengths: [7, 9] };
  expect(dueDims({ rowDims: [2, 3], sequence: null, batchAxis: 1 }, ran)).toEqual([2, 4, 3]);
  expect(dueDims({ rowDims: [2], sequence: 1, batchAxis: 0 }, ran)).toEqual([4, 9, 2]);
});

describe("the override of a declared shape", () => {
  const overrides = (declaredDims: readonly Dim[], rowDims: readonly number[], rest: object = {}) =>
    overridesDeclaration({ declaredDims, rowDims, sequence: null, batchAxis: 0, ...rest }, OPEN);
  const OPEN = { fixedBatchRows: null };

  test.each<[string, readonly Dim[], readonly number[], object, boolean]>([
    ["another size overrides the declaration", ["n", 1], [3], {}, true],
    [
      "another number of dimensions overrides the declaration",
      [1, "length"],
      [43, 8210],
      { batchAxis: 1 },
      true,
    ],
    ["several rows override a declared batch of one", [1, 3], [3], {}, true],
    [
      "sizes of open dimensions do not override the declaration",
      ["n", "s", -1, 0, ""],
      [2, 3, 4, 5],
      {},
      false,
    ],
    ["the declared size does not override the declaration", ["n", 3], [3], {}, false],
    ["scalars do not override a declaration of a single value, which tree models have", [1], [], {}, false],
    ["positions do not override the declaration", ["n", "s", 3], [3], { sequence: 1 }, false],
  ])("%s", (_name, declared, row, rest, expected) => {
    expect(overrides(declared, row, rest)).toBe(expected);
  });

  test("a fixed batch overrides only the declaration of another batch", () => {
    const output = { declaredDims: [4, 3], rowDims: [3], sequence: null, batchAxis: 0 };
    expect(overridesDeclaration(output, { fixedBatchRows: 4 })).toBe(false);
    expect(overridesDeclaration(output, { fixedBatchRows: 2 })).toBe(true);
  });
});

test("the hint names the keys that accept the found shape, if one of its dimensions is the batch", () => {
  expect(shapeHint([43, 1, 8210], 1)).toContain("`shape: [43, 8210]` and `batchAxis: 1`");
  expect(shapeHint([2, 3], 2)).toMatch(/`shape: \[3\]`$/);
  expect(shapeHint([5, 3], 2)).toContain("set `shape` to the dimensions of a row");
});
