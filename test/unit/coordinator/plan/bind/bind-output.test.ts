import { describe, expect, test } from "vitest";
import type { OutputSpec } from "../../../../../shared/domain/map-spec.ts";
import type { Dim, Dtype } from "../../../../../shared/domain/tensor.ts";
import { aTensor, bind, fixedList, list, problemsOf } from "./bind-fixtures.ts";

type Case = readonly [spec: Partial<OutputSpec>, dims: readonly Dim[], dtype?: Dtype];

function parts([spec, dims, dtype]: Case): Parameters<typeof bind> {
  return [
    { outputs: { y: spec } },
    { image: fixedList(784) },
    { outputs: [aTensor("t", ["n", ...dims], dtype)] },
  ];
}

const ten = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

describe("an output", () => {
  test.each<[string, Case, object]>([
    [
      "an output without `tensor` is bound to the model's only tensor",
      [{}, [10]],
      { tensor: "t", rowDims: [10], op: { kind: "raw" } },
    ],
    ["an output may be a scalar", [{}, []], { rowDims: [], rowValues: 1 }],
    [
      "`shape` sets the open dimensions of an output",
      [{ shape: [4, 10] }, ["s", 10]],
      { rowDims: [4, 10], rowValues: 40 },
    ],
    [
      "`shape` may differ from the declared size",
      [{ shape: [3] }, [1]],
      { rowDims: [3], declaredDims: ["n", 1] },
    ],
    [
      "`shape` may have more dimensions than declared",
      [{ shape: [3, 2] }, [1]],
      { rowDims: [3, 2], batchAxis: 0 },
    ],
    [
      "`batchAxis` may be a dimension that is not declared",
      [{ shape: [43, 9], batchAxis: 2 }, [1]],
      { rowDims: [43, 9], batchAxis: 2 },
    ],
    [
      "argmax has the labels of the job",
      [{ op: "argmax", labels: ten }, [10]],
      { op: { kind: "argmax", labels: ten } },
    ],
    [
      "argmax accepts dimensions of one around the classes",
      [{ op: "argmax" }, [1, 10, 1]],
      { rowDims: [1, 10, 1] },
    ],
    [
      "topK may return all classes",
      [{ op: "topK", k: 10 }, [10]],
      { op: { kind: "topK", k: 10, labels: null } },
    ],
    ["sigmoid accepts several dimensions", [{ op: "sigmoid" }, [4, 10]], { op: { kind: "sigmoid" } }],
    [
      "threshold uses sigmoid by default",
      [{ op: "threshold", threshold: 0.5 }, [10]],
      { op: { kind: "threshold", threshold: 0.5, activation: "sigmoid", labels: null } },
    ],
    [
      "a raw vector may be shortened, normalized and converted",
      [{ dims: 6, normalize: true, as: "int8" }, [1, 10]],
      { op: { kind: "raw", vector: { dims: 6, normalize: true, as: "int8" } } },
    ],
    [
      "pool with mean returns one vector of all positions",
      [{ op: "pool", pool: "mean", positions: "all", as: "ubinary" }, [5, 10]],
      {
        op: {
          kind: "pool",
          pool: "mean",
          positions: 5,
          vector: { dims: 10, normalize: false, as: "ubinary" },
        },
      },
    ],
    [
      "pool with cls returns the vector of the first position",
      [{ op: "pool", pool: "cls" }, [5, 10]],
      {
        op: {
          kind: "pool",
          pool: "cls",
          positions: 5,
          vector: { dims: 10, normalize: false, as: "float32" },
        },
      },
    ],
    ["a raw output may be bool", [{}, [3], "bool"], { dtype: "bool" }],
  ])("%s", (_name, of, expected) => {
    expect(bind(...parts(of)).outputs).toEqual([expect.objectContaining({ column: "y", ...expected })]);
  });

  test("a symbol of an output has the size that an input gave it", () => {
    const plan = bind(
      { inputs: { ids: { shape: [128] } } },
      { ids: list() },
      {
        inputs: [aTensor("ids", ["n", "s"], "int64")],
        outputs: [aTensor("hidden", ["n", "s", 4])],
      },
    );
    expect(plan.outputs[0]).toMatchObject({ column: "hidden", rowDims: [128, 4] });
  });

  test("outputs are in the order of the job, and a tensor may be used several times", () => {
    const plan = bind(
      { outputs: { b: { tensor: "v" }, a: { tensor: "u" }, c: { tensor: "v" } } },
      { image: fixedList(784) },
      { outputs: [aTensor("u", ["n"]), aTensor("v", ["n"])] },
    );
    expect(plan.outputs.map(({ column, tensor }) => [column, tensor])).toEqual([
      ["b", "v"],
      ["a", "u"],
      ["c", "v"],
    ]);
  });
});

describe("a refused output", () => {
  test.each<[string, Case, object]>([
    [
      "a missing tensor",
      [{ tensor: "tt" }, [10]],
      { where: "map.outputs.y.tensor", what: "the model has no output `tt`", expected: "one of `t`" },
    ],
    [
      "a shape beyond the limit of a row",
      [{ shape: [20_000, 10_000] }, ["s", 10]],
      { where: "map.outputs.y.shape", found: "[20000, 10000]" },
    ],
    ["argmax of a scalar", [{ op: "argmax" }, []], { where: "map.outputs.y.op" }],
    ["maxSoftmax of one class", [{ op: "maxSoftmax" }, [1]], { where: "map.outputs.y.op" }],
    [
      "softmax of several dimensions",
      [{ op: "softmax" }, [4, 10]],
      { found: "`t` with [4, 10] after the batch" },
    ],
    [
      "sigmoid of bool values",
      [{ op: "sigmoid" }, [3], "bool"],
      { where: "map.outputs.y.op", found: "`t` is bool" },
    ],
    [
      "topK of more classes than there are",
      [{ op: "topK", k: 11 }, [10]],
      { where: "map.outputs.y.k", expected: "at most 10" },
    ],
    [
      "another number of labels than classes",
      [{ op: "argmax", labels: ["a", "b"] }, [10]],
      { where: "map.outputs.y.labels", expected: "10 labels", found: "2 labels" },
    ],
    [
      "a threshold above any value of a sigmoid",
      [{ op: "threshold", threshold: 2 }, [10]],
      { where: "map.outputs.y.threshold", expected: "a number from 0 to 1", found: "2" },
    ],
    ["threshold of one class", [{ op: "threshold", threshold: 0.5 }, [1]], { where: "map.outputs.y.op" }],
    [
      "pool without positions",
      [{ op: "pool", pool: "mean" }, [10]],
      {
        where: "map.outputs.y.op",
        what: "`pool` needs a vector for each position of a row",
        found: "[10] after the batch",
      },
    ],
    [
      "the mean of positions that may be padding",
      [{ op: "pool", pool: "mean" }, [5, 10]],
      {
        where: "map.outputs.y.positions",
        what: "every row has 5 positions, and nothing says which of them are padding",
        expected: "`positions: all`, if none is padding",
      },
    ],
    [
      "normalize with several dimensions",
      [{ normalize: true }, [5, 10]],
      { where: "map.outputs.y.normalize", found: "[5, 10] after the batch" },
    ],
    [
      "ubinary of bool values",
      [{ as: "ubinary" }, [10], "bool"],
      { where: "map.outputs.y.as", found: "values that are bool" },
    ],
    [
      "float16 of a single value",
      [{ as: "float16" }, []],
      { where: "map.outputs.y.as", found: "one value a row" },
    ],
    [
      "`dims` larger than the vector",
      [{ op: "pool", pool: "cls", dims: 11 }, [5, 10]],
      { where: "map.outputs.y.dims", expected: "at most 10", found: "11" },
    ],
    [
      "int8 of values that are not normalized",
      [{ as: "int8", normalize: false }, [10]],
      { where: "map.outputs.y.as", expected: "`normalize: true` beside it" },
    ],
  ])("an output is refused for %s", (_name, of, problem) => {
    expect(problemsOf(...parts(of))).toEqual([expect.objectContaining(problem)]);
  });

  test("problems of several keys are reported at once", () => {
    const spec = { op: "pool", pool: "max", dims: 11, as: "int8" } as const;
    const wheres = problemsOf(...parts([spec, [5, 10]])).map(({ where }) => where);
    expect(wheres).toEqual(["positions", "dims", "as"].map((key) => `map.outputs.y.${key}`));
  });

  test("an output without `tensor` is refused if the model has several outputs", () => {
    const outputs = [aTensor("logits", ["n", 10]), aTensor("hidden", ["n", 4])];
    expect(problemsOf({ outputs: { logit: {} } }, { image: fixedList(784) }, { outputs })).toEqual([
      {
        where: "map.outputs.logit",
        what: "`tensor` is missing, and the model has 2 outputs",
        expected: "`tensor`: one of `logits`, `hidden`",
        hint: "did you mean `logits`?",
      },
    ]);
  });
});
