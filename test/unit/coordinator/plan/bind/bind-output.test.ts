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

describe("an output is bound", () => {
  test.each<[string, Case, object]>([
    ["of the model's only tensor", [{}, [10]], { tensor: "t", rowDims: [10], op: { kind: "raw" } }],
    ["that is a scalar", [{}, []], { rowDims: [], rowValues: 1 }],
    ["whose open dimensions are given", [{ shape: [4, 10] }, ["s", 10]], { rowDims: [4, 10], rowValues: 40 }],
    ["of another size than it declares", [{ shape: [3] }, [1]], { rowDims: [3], declaredDims: ["n", 1] }],
    ["of more dimensions than it declares", [{ shape: [3, 2] }, [1]], { rowDims: [3, 2], batchAxis: 0 }],
    [
      "with its batch where it declares no dimension",
      [{ shape: [43, 9], batchAxis: 2 }, [1]],
      { rowDims: [43, 9], batchAxis: 2 },
    ],
    ["to its best class", [{ op: "argmax", labels: ten }, [10]], { op: { kind: "argmax", labels: ten } }],
    [
      "to its best class, with dimensions of one around",
      [{ op: "argmax" }, [1, 10, 1]],
      { rowDims: [1, 10, 1] },
    ],
    [
      "to all of its classes in order",
      [{ op: "topK", k: 10 }, [10]],
      { op: { kind: "topK", k: 10, labels: null } },
    ],
    ["to probabilities of each value", [{ op: "sigmoid" }, [4, 10]], { op: { kind: "sigmoid" } }],
    [
      "to the classes that reach a threshold",
      [{ op: "threshold", threshold: 0.5 }, [10]],
      { op: { kind: "threshold", threshold: 0.5, activation: "sigmoid", labels: null } },
    ],
    [
      "to its vector, as wanted",
      [{ dims: 6, normalize: true, as: "int8" }, [1, 10]],
      { op: { kind: "raw", vector: { dims: 6, normalize: true, as: "int8" } } },
    ],
    [
      "to one vector of all positions",
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
      "to the vector of the first position",
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
    ["as it is, though it is bool", [{}, [3], "bool"], { dtype: "bool" }],
  ])("%s", (_name, of, expected) => {
    expect(bind(...parts(of)).outputs).toEqual([expect.objectContaining({ column: "y", ...expected })]);
  });

  test("with the size that an input gave its symbol", () => {
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

  test("in the order of the job, as often as asked for", () => {
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

describe("an output is refused", () => {
  test.each<[string, Case, object]>([
    [
      "of a tensor that is not there",
      [{ tensor: "tt" }, [10]],
      { where: "map.outputs.y.tensor", what: "the model has no output `tt`", expected: "one of `t`" },
    ],
    ["whose shape is open", [{}, ["s", 10]], { where: "map.outputs.y", found: "[s, 10] after the batch" }],
    [
      "whose shape is more than a row can be",
      [{ shape: [20_000, 10_000] }, ["s", 10]],
      { where: "map.outputs.y.shape", found: "[20000, 10000]" },
    ],
    ["best class of a scalar", [{ op: "argmax" }, []], { where: "map.outputs.y.op" }],
    ["best class of one class", [{ op: "maxSoftmax" }, [1]], { where: "map.outputs.y.op" }],
    [
      "probabilities of many places",
      [{ op: "softmax" }, [4, 10]],
      { found: "`t` with [4, 10] after the batch" },
    ],
    [
      "sigmoid of truth values",
      [{ op: "sigmoid" }, [3], "bool"],
      { where: "map.outputs.y.op", found: "`t` is bool" },
    ],
    [
      "more than all classes",
      [{ op: "topK", k: 11 }, [10]],
      { where: "map.outputs.y.k", expected: "at most 10" },
    ],
    [
      "labels of other classes",
      [{ op: "argmax", labels: ["a", "b"] }, [10]],
      { where: "map.outputs.y.labels", expected: "10 labels", found: "2 labels" },
    ],
    [
      "as classes beyond what a sigmoid can be",
      [{ op: "threshold", threshold: 2 }, [10]],
      { where: "map.outputs.y.threshold", expected: "a number from 0 to 1", found: "2" },
    ],
    ["as those of one class", [{ op: "threshold", threshold: 0.5 }, [1]], { where: "map.outputs.y.op" }],
    [
      "as one vector of positions that it does not have",
      [{ op: "pool", pool: "mean" }, [10]],
      {
        where: "map.outputs.y.op",
        what: "`pool` needs a vector for each position of a row",
        found: "[10] after the batch",
      },
    ],
    [
      "as the mean of positions of which some may be padding",
      [{ op: "pool", pool: "mean" }, [5, 10]],
      {
        where: "map.outputs.y.positions",
        what: "every row has 5 positions, and nothing says which of them are padding",
        expected: "`positions: all`, if none is padding",
      },
    ],
    [
      "as a vector of several dimensions",
      [{ normalize: true }, [5, 10]],
      { where: "map.outputs.y.normalize", found: "[5, 10] after the batch" },
    ],
    [
      "as a vector of truth values",
      [{ as: "ubinary" }, [10], "bool"],
      { where: "map.outputs.y.as", found: "values that are bool" },
    ],
    [
      "as a vector of one value",
      [{ as: "float16" }, []],
      { where: "map.outputs.y.as", found: "one value a row" },
    ],
    [
      "as a longer vector",
      [{ op: "pool", pool: "cls", dims: 11 }, [5, 10]],
      { where: "map.outputs.y.dims", expected: "at most 10", found: "11" },
    ],
    [
      "as int8 of values that have no bounds",
      [{ as: "int8", normalize: false }, [10]],
      { where: "map.outputs.y.as", expected: "`normalize: true` beside it" },
    ],
  ])("%s", (_name, of, problem) => {
    expect(problemsOf(...parts(of))).toEqual([expect.objectContaining(problem)]);
  });

  test("for each of its keys at once", () => {
    const spec = { op: "pool", pool: "max", dims: 11, as: "int8" } as const;
    const wheres = problemsOf(...parts([spec, [5, 10]])).map(({ where }) => where);
    expect(wheres).toEqual(["positions", "dims", "as"].map((key) => `map.outputs.y.${key}`));
  });

  test("when it does not say which of several tensors", () => {
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
