import { describe, expect, test } from "vitest";
import { aTensor, fixedList, list } from "../../unit/coordinator/plan/bind/bind-fixtures.ts";
import { draft, int, outputsOf, text } from "./draft-fixtures.ts";

describe("the outputs of a drafted job", () => {
  test("logits give the likeliest class and its score", () => {
    expect(outputsOf({})).toEqual({
      label: { tensor: "logits", op: "argmax" },
      score: { tensor: "logits", op: "maxSoftmax" },
    });
  });

  test("probabilities give the likeliest class and the probabilities", () => {
    expect(outputsOf({ model: { outputs: [aTensor("probabilities", ["n", 3])] } })).toEqual({
      label: { tensor: "probabilities", op: "argmax" },
      probabilities: { tensor: "probabilities" },
    });
  });

  test("an output of any name gives classes if the folder has labels or names a classifier", () => {
    const model = { outputs: [aTensor("y", ["n", 3])] };
    expect(outputsOf({ model })).toEqual({ y: { tensor: "y" } });
    for (const folder of [{ labels: ["a", "b", "c"] }, { architecture: "ViTForImageClassification" }]) {
      expect(Object.keys(outputsOf({ model, folder }))).toEqual(["label", "score"]);
    }
    expect(Object.keys(outputsOf({ model, folder: { labels: ["a", "b", "c"], multiLabel: true } }))).toEqual([
      "classes",
    ]);
  });

  test("classes get the names of the only column that names as many, with a question", () => {
    const model = { outputs: [aTensor("y", ["n", 3])] };
    const classes = { kind: ["a", "b", "c"], other: ["a", "b"] };
    const { outputs, problems } = draft({ pixels: fixedList(784), kind: int }, { model, classes });
    expect(problems).toEqual([]);
    expect(outputs).toMatchObject([
      {
        column: "label",
        keys: { tensor: "y", op: "argmax", labels: { column: "kind" } },
        questions: [expect.stringContaining("trained with the classes of `kind`")],
      },
      { column: "score", keys: { tensor: "y", op: "maxSoftmax" } },
    ]);
    const two = { kind: ["a", "b", "c"], other: ["x", "y", "z"] };
    expect(outputsOf({ model, classes: two })).toEqual({ y: { tensor: "y" } });
    const folder = { labels: ["d", "e", "f"] };
    expect(outputsOf({ model, classes, folder }).label).toEqual({ tensor: "y", op: "argmax" });
  });

  test("a model with several labels per row gives the classes that reach a score, with a question", () => {
    const model = { outputs: [aTensor("logits", ["n", 3])] };
    const folder = { labels: ["a", "b", "c"], multiLabel: true };
    const { outputs } = draft({ pixels: fixedList(784) }, { model, folder });
    expect(outputs).toMatchObject([
      {
        column: "classes",
        keys: { tensor: "logits", op: "threshold", threshold: 0.5 },
        questions: [expect.stringContaining("which score is enough?")],
      },
    ]);
  });

  test("probabilities of several labels per row get no activation", () => {
    const model = { outputs: [aTensor("probabilities", ["n", 3])] };
    expect(outputsOf({ model, folder: { multiLabel: true } })).toEqual({
      classes: { tensor: "probabilities", op: "threshold", threshold: 0.5, activation: "none" },
    });
  });

  test("token vectors that cannot be pooled as the folder defines stay raw, with a question", () => {
    const model = { outputs: [aTensor("last_hidden_state", ["n", 16, 384])] };
    const folder = { pooling: { pool: "mean", normalize: true } } as const;
    const { outputs, problems } = draft({ pixels: fixedList(784) }, { model, folder });
    expect(problems).toEqual([]);
    expect(outputs).toMatchObject([
      {
        column: "last_hidden_state",
        keys: { tensor: "last_hidden_state", op: "raw" },
        questions: [expect.stringContaining("op: pool")],
      },
    ]);
  });

  test("a single class is a score if the folder names a classifier", () => {
    const model = { outputs: [aTensor("logits", ["n", 1])] };
    const folder = { architecture: "BertForSequenceClassification" };
    expect(outputsOf({ model, folder })).toEqual({ score: { tensor: "logits" } });
    expect(outputsOf({ model })).toEqual({ logits: { tensor: "logits" } });
  });

  test("any other output is one column with its raw values", () => {
    const outputs = [aTensor("vector", ["n", 384]), aTensor("value", ["n"]), aTensor("best", ["n"], "int64")];
    expect(outputsOf({ model: { outputs } })).toEqual({
      vector: { tensor: "vector" },
      value: { tensor: "value" },
      best: { tensor: "best" },
    });
  });

  test("a model with a label and its scores gives both and no second label", () => {
    const scores = { ...aTensor("output_probability", ["n", 2]), classes: ["leaves", "stays"] };
    const model = { outputs: [aTensor("output_label", ["n"], "string"), scores] };
    const { outputs } = draft({ id: int, pixels: fixedList(784) }, { model });
    expect(outputs.map(({ column, notes }) => [column, notes])).toEqual([
      ["output_label", []],
      ["output_probability", ["A score for each of leaves, stays, in this order."]],
    ]);
    const alone = draft({ id: int, pixels: fixedList(784) }, { model: { outputs: [scores] } });
    expect(alone.outputs[0]).toMatchObject({
      column: "label",
      notes: ["The name of the likeliest class. The model's names are leaves, stays."],
    });
  });

  test.each<[string, readonly (number | string)[], readonly number[], object]>([
    ["an open size is taken from a run", ["n", "t"], [2, 7], { shape: [7] }],
    ["a size that differs from the declared one is taken from a run", ["n", 1], [2, 7], { shape: [7] }],
    [
      "a size with the batch at another position is taken from a run",
      ["t", "batch"],
      [7, 2],
      { shape: [7], batchAxis: 1 },
    ],
    [
      "dimensions that are not declared are taken from a run",
      [1, "t"],
      [5, 2, 7],
      { shape: [5, 7], batchAxis: 1 },
    ],
    ["a declared size needs no run", ["n", 7], [2, 7], {}],
  ])("%s", (_name, dims, gave, keys) => {
    const types = { id: int, pixels: fixedList(784) };
    const model = { outputs: [aTensor("y", dims)] };
    const { outputs, omitted, problems } = draft(types, { model, gave: { y: gave } });
    expect([omitted, problems]).toEqual([[], []]);
    expect(outputs[0]?.keys).toEqual({ tensor: "y", ...keys });
    const requested = outputs[0]?.questions.filter((question) =>
      question.includes("returned this shape in one run"),
    );
    expect(requested).toHaveLength("shape" in keys ? 1 : 0);
  });

  test("an output of open size without a run becomes lists, with a note, if there is no other output", () => {
    const inputs = [aTensor("x", ["batch", 10])];
    const open = aTensor("y", ["t", "batch", 3]);
    const alone = draft({ x: fixedList(10) }, { model: { inputs, outputs: [open] } });
    expect(alone.outputs).toMatchObject([{ column: "y", keys: { tensor: "y", batchAxis: 1 } }]);
    expect(alone.outputs[0]?.notes[0]).toContain("Rows run one by one");
    const both = { inputs, outputs: [open, aTensor("z", ["batch", 4])] };
    const { omitted, outputs } = draft({ x: fixedList(10) }, { model: both });
    expect(outputs.map(({ column }) => column)).toEqual(["z"]);
    expect(omitted).toMatchObject([{ tensor: "y", why: expect.stringContaining("one by one") }]);
  });

  test("a few unnamed numbers cause a question, and a vector does not", () => {
    const requested = (name: string, values: number) =>
      draft({ id: int, pixels: fixedList(784) }, { model: { outputs: [aTensor(name, ["n", values])] } })
        .outputs.flatMap(({ questions }) => questions)
        .filter((question) => question.startsWith(`what are these ${values} numbers?`)).length;
    expect([
      requested("outputs", 2),
      requested("outputs", 768),
      requested("embedding", 16),
      requested("outputs", 1),
    ]).toEqual([1, 0, 0, 0]);
  });

  test("outputs that no column can hold are excluded and reported", () => {
    const outputs = [aTensor("vector", ["n", 4]), aTensor("grid", ["n", "h", "w"]), aTensor("all", [7])];
    const unusable = [{ name: "maps", kind: "a sequence" }];
    const found = draft({ pixels: fixedList(784) }, { model: { outputs, unusable } });
    expect(found.outputs.map(({ column }) => column)).toEqual(["vector"]);
    expect(found.omitted.map(({ tensor }) => tensor)).toEqual(["maps", "grid", "all"]);
    expect(found.problems).toEqual([]);
  });

  test("output columns get names that differ from kept columns, regardless of case", () => {
    const outputs = [aTensor("ID", ["n"]), aTensor("label", ["n"]), aTensor("logits", ["n", 3])];
    const {
      outputs: drafted,
      keep,
      problems,
    } = draft({ id: int, x: fixedList(784) }, { model: { outputs } });
    expect(keep).toEqual(["id"]);
    expect(drafted.map(({ column }) => column)).toEqual(["ID_ID", "label", "logits_label", "score"]);
    expect(problems).toEqual([]);
  });
});

test.each([
  [{ label: int, id: int, url: text }, ["id"]],
  [{ url: text, docId: text, text }, ["docId"]],
  [{ customer_id: int, day: int }, ["customer_id"]],
  [{ file_name: text, pixels: fixedList(3) }, ["file_name"]],
  [{ id: list(), text }, []],
  [{ valid: int, monkey: text }, []],
])("from the columns %j, %j is kept", (types, keep) => {
  expect(draft({ ...types, image: fixedList(784) }).keep).toEqual(keep);
});
