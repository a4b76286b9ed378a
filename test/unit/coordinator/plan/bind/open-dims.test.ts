import { describe, expect, test } from "vitest";
import type { OutputSpec } from "../../../../../shared/domain/map-spec.ts";
import type { Dim, Dtype } from "../../../../../shared/domain/tensor.ts";
import { aTensor, bind, fixedList, list, problemsOf } from "./bind-fixtures.ts";

type Case = readonly [
  spec: Partial<OutputSpec>,
  dims: readonly Dim[],
  more?: { readonly dtype?: Dtype; readonly batch?: Dim; readonly rows?: number; readonly count?: Dim },
];

function parts([spec, dims, { dtype = "float32", batch = "n", rows, count = 1 } = {}]: Case): Parameters<
  typeof bind
> {
  const outputs = [aTensor("t", dims, dtype), aTensor("count", ["n", count], "int64"), aTensor("p", ["n"])];
  return [
    { outputs: { y: { tensor: "t", ...spec } }, ...(rows === undefined ? {} : { rows }) },
    { image: fixedList(784) },
    { inputs: [aTensor("image", [batch, 784])], outputs },
  ];
}

describe("an output with open dimensions", () => {
  test.each<[string, Case, object]>([
    [
      "dimensions up to the last open one are lists, and the rest is a cell",
      [{}, ["n", "a", 3, "", 2, 4]],
      { open: { dims: [null, 3, null], lengths: null }, rowDims: [2, 4], rowValues: 8 },
    ],
    [
      "`lengths` makes a list of the first dimension, even of a known size",
      [{ lengths: "count" }, ["n", 100, 4]],
      { open: { dims: [100], lengths: "count" }, rowDims: [4] },
    ],
    [
      "names in `shape` are open, whatever the model declares",
      [{ shape: ["time", 9], batchAxis: 1 }, [1, "length"]],
      { open: { dims: [null], lengths: null }, rowDims: [9], batchAxis: 1, declaredDims: [1, "length"] },
    ],
    [
      "an output without a batch is one row",
      [{ batchAxis: "none" }, ["a", "b"]],
      { open: { dims: [null, null], lengths: null }, rowDims: [], batchAxis: null },
    ],
    [
      "an output without a batch may have known sizes",
      [{ batchAxis: "none" }, [10]],
      { rowDims: [10], batchAxis: null },
    ],
    [
      "boxes that the model selects may be open",
      [{ op: "boxes", head: "nms" }, ["n", "boxes", 6]],
      { open: { dims: [null], lengths: null }, rowDims: [6], op: { head: "nms", anchors: null } },
    ],
    [
      "boxes that the model selects may have a length",
      [{ op: "boxes", head: "nms", lengths: "count" }, ["n", 100, 6]],
      { open: { dims: [100], lengths: "count" }, rowDims: [6], op: { head: "nms", anchors: null } },
    ],
    [
      "texts by CTC may be open",
      [{ op: "ctc", labels: ["a", "b"] }, ["n", "time", 3]],
      { open: { dims: [null], lengths: null }, rowDims: [3], op: { kind: "ctc", positions: null } },
    ],
  ])("%s", (_name, of, expected) => {
    const { outputs, fixedBatchRows } = bind(...parts(of));
    expect(outputs).toMatchObject([{ sequence: null, ...expected }]);
    expect(fixedBatchRows).toBe(of[0].lengths === undefined ? 1 : null);
  });

  test("rows that run one by one are never padded", () => {
    const ids = aTensor("ids", ["n", "s"], "int64");
    const mask = aTensor("mask", ["n", "s"], "int64");
    const model = {
      inputs: [ids, mask],
      outputs: [aTensor("found", ["n", "t"]), aTensor("c", ["n"], "int32")],
    };
    const inputs = { ids: { pad: 1 }, mask: { mask: "ids" } };
    const shapes = (found: Partial<OutputSpec>) =>
      bind({ inputs, outputs: { found } }, { ids: list() }, model).inputs.map(
        ({ rowShape }) => rowShape.kind,
      );
    expect(shapes({ tensor: "found" })).toEqual(["unpadded", "unpadded"]);
    expect(shapes({ tensor: "found", lengths: "c" })).toEqual(["padded", "padded"]);
  });

  test.each<[string, Case, object]>([
    ["an unknown output of lengths", [{ lengths: "counts" }, ["n", "a"]], { where: "map.outputs.y.lengths" }],
    [
      "lengths that are not whole numbers",
      [{ lengths: "p" }, ["n", "a"]],
      { where: "map.outputs.y.lengths", found: "float32[n]" },
    ],
    [
      "several lengths a row",
      [{ lengths: "count" }, ["n", "a"], { count: 2 }],
      { where: "map.outputs.y.lengths", found: "int64[n, 2]" },
    ],
    [
      "`lengths` with a second open dimension",
      [{ lengths: "count" }, ["n", "a", "b"]],
      { where: "map.outputs.y.lengths", found: "[a, b] after the batch" },
    ],
    [
      "an op of classes",
      [{ op: "argmax" }, ["n", "a", 9]],
      { where: "map.outputs.y.op", found: "`op: argmax`" },
    ],
    [
      "an item beyond the limit",
      [{}, ["n", "a", 20_000, 10_000]],
      { where: "map.outputs.y", what: "an item of `t` has too many values" },
    ],
    [
      "a model that runs several rows at once",
      [{}, ["n", "a"], { batch: 4 }],
      { where: "map.outputs.y", found: "a batch of 4 rows" },
    ],
    [
      "a number of rows for batches of one",
      [{}, ["n", "a"], { rows: 8 }],
      { where: "map.batch.rows", expected: "`auto`", found: "8" },
    ],
  ])("is refused: %s", (_name, of, expected) => {
    expect(problemsOf(...parts(of))).toMatchObject([expected]);
  });

  test("a first dimension that is positions is not taken for the batch", () => {
    const model = { inputs: [aTensor("ids", [1, "s"], "int64")], outputs: [aTensor("y", ["s", "s"])] };
    const [problem] = problemsOf({ outputs: { y: { tensor: "y" } } }, { ids: list() }, model);
    expect(problem?.hint).toContain("`batchAxis: none`");
  });
});
