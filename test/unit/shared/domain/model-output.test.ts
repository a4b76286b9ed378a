import { describe, expect, test } from "vitest";
import { dueDims, overridesDeclaration, shapeHint } from "../../../../shared/domain/model-output.ts";
import type { Dim } from "../../../../shared/domain/tensor.ts";

test("an output has its row, the batch where it lies, and the length of its own sequence", () => {
  const ran = { rows: 4, lengths: [7, 9] };
  expect(dueDims({ rowDims: [2, 3], sequence: null, batchAxis: 1 }, ran)).toEqual([2, 4, 3]);
  expect(dueDims({ rowDims: [2], sequence: 1, batchAxis: 0 }, ran)).toEqual([4, 9, 2]);
});

describe("a declaration is overridden", () => {
  const overrides = (declaredDims: readonly Dim[], rowDims: readonly number[], rest: object = {}) =>
    overridesDeclaration({ declaredDims, rowDims, sequence: null, batchAxis: 0, ...rest }, OPEN);
  const OPEN = { fixedBatchRows: null };

  test.each<[string, readonly Dim[], readonly number[], object, boolean]>([
    ["by another size", ["n", 1], [3], {}, true],
    ["by another number of dimensions", [1, "length"], [43, 8210], { batchAxis: 1 }, true],
    ["by rows where one is declared", [1, 3], [3], {}, true],
    ["not by sizes of what is open", ["n", "s", -1, 0, ""], [2, 3, 4, 5], {}, false],
    ["not by what it says itself", ["n", 3], [3], {}, false],
    ["not by one for all, which trees declare", [1], [], {}, false],
    ["not by positions", ["n", "s", 3], [3], { sequence: 1 }, false],
  ])("%s", (_name, declared, row, rest, expected) => {
    expect(overrides(declared, row, rest)).toBe(expected);
  });

  test("not by a fixed batch that both have", () => {
    const output = { declaredDims: [4, 3], rowDims: [3], sequence: null, batchAxis: 0 };
    expect(overridesDeclaration(output, { fixedBatchRows: 4 })).toBe(false);
    expect(overridesDeclaration(output, { fixedBatchRows: 2 })).toBe(true);
  });
});

test("a hint says which keys take what came, where a dimension of it is the batch", () => {
  expect(shapeHint([43, 1, 8210], 1)).toContain("`shape: [43, 8210]` and `batchAxis: 1`");
  expect(shapeHint([2, 3], 2)).toMatch(/`shape: \[3\]`$/);
  expect(shapeHint([5, 3], 2)).toContain("set `shape` to the dimensions of a row");
});
