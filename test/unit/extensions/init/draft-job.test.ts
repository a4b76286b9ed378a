import { describe, expect, test } from "vitest";
import { draftFor } from "../../../../extensions/init/draft-job.ts";
import { NO_SAMPLE } from "../../../../extensions/init/sample/data-sample.ts";
import {
  aField,
  aModel,
  aTensor,
  fixedList,
  list,
  numeric,
} from "../../coordinator/plan/bind/bind-fixtures.ts";
import { draft, inputsOf, int, LOADED, outputsOf, text } from "./draft-fixtures.ts";

describe("the inputs of a drafted job", () => {
  test("take the column of their own name, however it is written, before one that fits as well", () => {
    expect(inputsOf({ other: fixedList(784), image: fixedList(784) })).toEqual([[{ column: "image" }, 0]]);
    expect(inputsOf({ other: fixedList(784), "IM-age": fixedList(784) })).toEqual([
      [{ column: "IM-age" }, 0],
    ]);
  });

  test("take the only column whose type and shape fit, whatever its name", () => {
    expect(inputsOf({ id: int, text, short: fixedList(7), x: fixedList(784) })).toEqual([
      [{ column: "x" }, 0],
    ]);
  });

  test("prefer a size that is known to one that only the rows will tell", () => {
    expect(inputsOf({ raw: { kind: "binary" }, lists: list(), x: fixedList(784) })).toEqual([
      [{ column: "x" }, 0],
    ]);
    expect(inputsOf({ raw: { kind: "binary" }, lists: list() })).toEqual([[{ column: "lists" }, 0]]);
  });

  test("take the first of several that fit, and ask", () => {
    const { inputs, problems } = draft({ a: fixedList(784), b: fixedList(784) });
    expect(inputs).toMatchObject([
      { keys: { column: "a" }, questions: ["which column is it? these fit: a, b"] },
    ]);
    expect(problems).toEqual([]);
  });

  test("give each column to one input", () => {
    const model = { inputs: [aTensor("p", ["n", 3]), aTensor("q", ["n", 3])] };
    expect(inputsOf({ a: fixedList(3), b: fixedList(3) }, { model }).map(([keys]) => keys)).toEqual([
      { column: "a" },
      { column: "b" },
    ]);
  });

  test("take numbers side by side: all but ids, or those that differ by a number", () => {
    const model = { inputs: [aTensor("x", ["n", 3])] };
    const float = numeric("float64");
    expect(inputsOf({ id: int, a: float, b: float, c: float }, { model })).toEqual([
      [{ columns: ["a", "b", "c"] }, 0],
    ]);
    expect(inputsOf({ target: float, f0: float, f1: float, f2: float, g: float }, { model })).toEqual([
      [{ columns: ["f0", "f1", "f2"] }, 0],
    ]);
  });

  test("one of one number takes the number, and no id while there is another", () => {
    const model = { inputs: [aTensor("x", ["n", 1])] };
    expect(inputsOf({ id: int, age: int }, { model })).toEqual([[{ column: "age" }, 0]]);
  });

  test.each(["src", "input", "tokens", "position_ids", "index"])(
    "%s of open length is never made of what tells rows apart",
    (name) => {
      const model = { inputs: [aTensor(name, ["batch", "s"], "int64")] };
      for (const id of ["id", "doc_id", "row_key", "index"].filter((own) => own !== name)) {
        const { inputs, problems } = draft({ [id]: int, text }, { model });
        expect(inputs[0]?.keys.column).toBe(name);
        expect(inputs[0]?.questions[0]).toMatch(
          /^no column fits: name one that holds a list of whole numbers/,
        );
        expect(problems).not.toEqual([]);
      }
      expect(inputsOf({ id: int, ids: list(int) }, { model })).toEqual([[{ column: "ids" }, 0]]);
    },
  );

  test("of open length name the dimension that one number a row would make 1", () => {
    const model = { inputs: [aTensor("x", ["n", "features"])] };
    const { inputs } = draft({ age: int }, { model });
    expect(inputs).toMatchObject([
      {
        keys: { column: "age" },
        questions: ["`age` is one number a row, so `features` counts as 1. Is that meant?"],
      },
    ]);
    const tokens = { inputs: [aTensor("tokens", ["n", "s"], "int64")] };
    expect(inputsOf({ tokens: int }, { model: tokens })).toEqual([[{ column: "tokens" }, 1]]);
  });

  test("of one number ask where only what tells rows apart is left", () => {
    const model = { inputs: [aTensor("x", ["n", 1])] };
    expect(inputsOf({ id: int }, { model })).toEqual([[{ column: "id" }, 1]]);
  });

  test("make masks of the ids, and types that are all zero", () => {
    const names = ["input_ids", "attention_mask", "token_type_ids"];
    const model = { inputs: names.map((name) => aTensor(name, ["batch", "sequence"], "int64")), outputs: [] };
    expect(inputsOf({ id: text, tokens: list(int) }, { model }).map(([keys]) => keys)).toEqual([
      { column: "tokens" },
      { mask: "input_ids" },
      { mask: "input_ids", scale: 0 },
    ]);
  });

  test("ask about a batch that seems to be another dimension", () => {
    const model = { inputs: [aTensor("x", ["batch", 4]), aTensor("state", [2, "batch", 8])], outputs: [] };
    const { inputs, problems } = draft({ x: fixedList(4), state: fixedList(16) }, { model });
    expect(problems).toEqual([]);
    expect(inputs[1]).toMatchObject({
      keys: { column: "state", batchAxis: 1 },
      questions: [expect.stringContaining("batch")],
    });
  });

  test("ask about the range of bytes that become floats", () => {
    expect(draft({ pixels: fixedList(784, numeric("uint8")) }).inputs[0]?.questions).toEqual([
      expect.stringContaining("scale"),
    ]);
  });

  test("that nothing fits are asked about with all columns, and the draft says that it cannot run", () => {
    const { inputs, outputs, problems } = draft({ id: int, body: text });
    expect(inputs).toMatchObject([
      { keys: { column: "image" }, questions: [expect.stringContaining("id, body")] },
    ]);
    expect(problems.map(({ where }) => where)).toEqual(["map.inputs.image.column"]);
    expect(outputs).toHaveLength(2);
  });

  test("name no column whose name is there twice", () => {
    const twice = ["image", "image", "x"].map((name) => aField(name, fixedList(784)));
    const found = {
      folder: null,
      sample: NO_SAMPLE,
      textCauses: [],
      ...LOADED,
      ran: null,
    };
    const { inputs } = draftFor({ signature: aModel(), fields: twice, ...found });
    expect(inputs[0]?.keys).toEqual({ column: "x" });
  });
});

describe("the outputs of a drafted job", () => {
  test("of logits are the likeliest class and how sure the model is", () => {
    expect(outputsOf({})).toEqual({
      label: { tensor: "logits", op: "argmax" },
      score: { tensor: "logits", op: "maxSoftmax" },
    });
  });

  test("of probabilities are these, and the likeliest class", () => {
    expect(outputsOf({ model: { outputs: [aTensor("probabilities", ["n", 3])] } })).toEqual({
      label: { tensor: "probabilities", op: "argmax" },
      probabilities: { tensor: "probabilities" },
    });
  });

  test("are classes whatever their name where the folder names as many, or its maker calls it a classifier", () => {
    const model = { outputs: [aTensor("y", ["n", 3])] };
    expect(outputsOf({ model })).toEqual({ y: { tensor: "y" } });
    for (const folder of [{ labels: ["a", "b", "c"] }, { architecture: "ViTForImageClassification" }]) {
      expect(Object.keys(outputsOf({ model, folder }))).toEqual(["label", "score"]);
    }
    expect(Object.keys(outputsOf({ model, folder: { labels: ["a", "b", "c"], multiLabel: true } }))).toEqual([
      "classes",
    ]);
  });

  test("of several labels a row are those that reach a score, which is asked for", () => {
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

  test("of several labels a row take probabilities as they are", () => {
    const model = { outputs: [aTensor("probabilities", ["n", 3])] };
    expect(outputsOf({ model, folder: { multiLabel: true } })).toEqual({
      classes: { tensor: "probabilities", op: "threshold", threshold: 0.5, activation: "none" },
    });
  });

  test("of vectors of tokens that cannot be pooled as the folder says are those vectors, with a question", () => {
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

  test("of one class are a score where its maker calls it a classifier", () => {
    const model = { outputs: [aTensor("logits", ["n", 1])] };
    const folder = { architecture: "BertForSequenceClassification" };
    expect(outputsOf({ model, folder })).toEqual({ score: { tensor: "logits" } });
    expect(outputsOf({ model })).toEqual({ logits: { tensor: "logits" } });
  });

  test("of anything else are as they are, one column each", () => {
    const outputs = [aTensor("vector", ["n", 384]), aTensor("value", ["n"]), aTensor("best", ["n"], "int64")];
    expect(outputsOf({ model: { outputs } })).toEqual({
      vector: { tensor: "vector" },
      value: { tensor: "value" },
      best: { tensor: "best" },
    });
  });

  test("of a label and its scores are both, and no second label of the scores", () => {
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
      notes: ["The name of the likeliest class, by the model: leaves, stays."],
    });
  });

  test.each<[string, readonly (number | string)[], readonly number[], object]>([
    ["of open sizes take those of a run", ["n", "t"], [2, 7], { shape: [7] }],
    ["of another size than declared take that of a run", ["n", 1], [2, 7], { shape: [7] }],
    ["with their batch elsewhere, too", ["t", "batch"], [7, 2], { shape: [7], batchAxis: 1 }],
    ["of more dimensions than declared", [1, "t"], [5, 2, 7], { shape: [5, 7], batchAxis: 1 }],
    ["as declared need no run", ["n", 7], [2, 7], {}],
  ])("%s", (_name, dims, gave, keys) => {
    const types = { id: int, pixels: fixedList(784) };
    const model = { outputs: [aTensor("y", dims)] };
    const { outputs, leftOut, problems } = draft(types, { model, gave: { y: gave } });
    expect([leftOut, problems]).toEqual([[], []]);
    expect(outputs[0]?.keys).toEqual({ tensor: "y", ...keys });
    const asked = outputs[0]?.questions.filter((question) => question.includes("gave this shape in one run"));
    expect(asked).toHaveLength("shape" in keys ? 1 : 0);
  });

  test("of open sizes that no run tells are left out, by the dimension that is open", () => {
    const model = { inputs: [aTensor("x", ["batch", 10])], outputs: [aTensor("y", ["t", "batch", 3])] };
    const { leftOut, outputs } = draft({ x: fixedList(10) }, { model });
    expect(outputs).toEqual([]);
    expect(leftOut).toMatchObject([{ why: expect.stringContaining("shape of its output `y` open") }]);
  });

  test("of a few numbers that nothing names ask what they are, and of vectors they do not", () => {
    const asked = (name: string, values: number) =>
      draft({ id: int, pixels: fixedList(784) }, { model: { outputs: [aTensor(name, ["n", values])] } })
        .outputs.flatMap(({ questions }) => questions)
        .filter((question) => question.startsWith(`what are these ${values} numbers?`)).length;
    expect([asked("outputs", 2), asked("outputs", 768), asked("embedding", 16), asked("outputs", 1)]).toEqual(
      [1, 0, 0, 0],
    );
  });

  test("that no column can hold are left out, and told", () => {
    const outputs = [aTensor("vector", ["n", 4]), aTensor("grid", ["n", "h", "w"]), aTensor("all", [7])];
    const unusable = [{ name: "maps", kind: "a sequence" }];
    const found = draft({ pixels: fixedList(784) }, { model: { outputs, unusable } });
    expect(found.outputs.map(({ column }) => column)).toEqual(["vector"]);
    expect(found.leftOut.map(({ tensor }) => tensor)).toEqual(["maps", "grid", "all"]);
    expect(found.problems).toEqual([]);
  });

  test("have names that no kept column has, in upper or lower case", () => {
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
])("of the columns %j, %j is kept", (types, keep) => {
  expect(draft({ ...types, image: fixedList(784) }).keep).toEqual(keep);
});
