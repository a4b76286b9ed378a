import { describe, expect, test } from "vitest";
import { draftFor } from "../../../extensions/init/draft-job.ts";
import { NO_SAMPLE } from "../../../extensions/init/sample/data-sample.ts";
import {
  aField,
  aModel,
  aTensor,
  fixedList,
  list,
  numeric,
} from "../../unit/coordinator/plan/bind/bind-fixtures.ts";
import { draft, inputsOf, int, LOADED, text } from "./draft-fixtures.ts";

describe("the inputs of a drafted job", () => {
  test("an input takes the column of its own name, in any spelling, before another that fits", () => {
    expect(inputsOf({ other: fixedList(784), image: fixedList(784) })).toEqual([[{ column: "image" }, 0]]);
    expect(inputsOf({ other: fixedList(784), "IM-age": fixedList(784) })).toEqual([
      [{ column: "IM-age" }, 0],
    ]);
  });

  test("an input takes the only column with a fitting type and shape, regardless of its name", () => {
    expect(inputsOf({ id: int, text, short: fixedList(7), x: fixedList(784) })).toEqual([
      [{ column: "x" }, 0],
    ]);
  });

  test("an input prefers a column of known size to one whose size depends on the rows", () => {
    expect(inputsOf({ raw: { kind: "binary" }, lists: list(), x: fixedList(784) })).toEqual([
      [{ column: "x" }, 0],
    ]);
    expect(inputsOf({ raw: { kind: "binary" }, lists: list() })).toEqual([[{ column: "lists" }, 0]]);
  });

  test("an input takes the first of several fitting columns, with a question", () => {
    const { inputs, problems } = draft({ a: fixedList(784), b: fixedList(784) });
    expect(inputs).toMatchObject([
      { keys: { column: "a" }, questions: ["which column is it? these fit: a, b"] },
    ]);
    expect(problems).toEqual([]);
  });

  test("each column is given to one input", () => {
    const model = { inputs: [aTensor("p", ["n", 3]), aTensor("q", ["n", 3])] };
    expect(inputsOf({ a: fixedList(3), b: fixedList(3) }, { model }).map(([keys]) => keys)).toEqual([
      { column: "a" },
      { column: "b" },
    ]);
  });

  test("an input takes several number columns: all except ids, or those whose names differ by a number", () => {
    const model = { inputs: [aTensor("x", ["n", 3])] };
    const float = numeric("float64");
    expect(inputsOf({ id: int, a: float, b: float, c: float }, { model })).toEqual([
      [{ columns: ["a", "b", "c"] }, 0],
    ]);
    expect(inputsOf({ target: float, f0: float, f1: float, f2: float, g: float }, { model })).toEqual([
      [{ columns: ["f0", "f1", "f2"] }, 0],
    ]);
  });

  test("an input of one number takes a number column rather than an id", () => {
    const model = { inputs: [aTensor("x", ["n", 1])] };
    expect(inputsOf({ id: int, age: int }, { model })).toEqual([[{ column: "age" }, 0]]);
  });

  test.each(["src", "input", "tokens", "position_ids", "index"])(
    "the input %s of open length is not fed from an id column",
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

  test("a question names the open dimension that one number per row would set to 1", () => {
    const model = { inputs: [aTensor("x", ["n", "features"])] };
    const { inputs } = draft({ age: int }, { model });
    expect(inputs).toMatchObject([
      {
        keys: { column: "age" },
        questions: ["`age` is one number a row, so `features` counts as 1. Is that intended?"],
      },
    ]);
    const tokens = { inputs: [aTensor("tokens", ["n", "s"], "int64")] };
    expect(inputsOf({ tokens: int }, { model: tokens })).toEqual([[{ column: "tokens" }, 1]]);
  });

  test("an input of one number asks a question when only an id column is left", () => {
    const model = { inputs: [aTensor("x", ["n", 1])] };
    expect(inputsOf({ id: int }, { model })).toEqual([[{ column: "id" }, 1]]);
  });

  test("masks are made from the token ids, and token types are zero", () => {
    const names = ["input_ids", "attention_mask", "token_type_ids"];
    const model = { inputs: names.map((name) => aTensor(name, ["batch", "sequence"], "int64")), outputs: [] };
    expect(inputsOf({ id: text, tokens: list(int) }, { model }).map(([keys]) => keys)).toEqual([
      { column: "tokens" },
      { mask: "input_ids" },
      { mask: "input_ids", scale: 0 },
    ]);
  });

  test("a question is asked when the batch seems to be another dimension", () => {
    const model = { inputs: [aTensor("x", ["batch", 4]), aTensor("state", [2, "batch", 8])], outputs: [] };
    const { inputs, problems } = draft({ x: fixedList(4), state: fixedList(16) }, { model });
    expect(problems).toEqual([]);
    expect(inputs[1]).toMatchObject({
      keys: { column: "state", batchAxis: 1 },
      questions: [expect.stringContaining("batch")],
    });
  });

  test("a question is asked about the range of bytes that become floats", () => {
    expect(draft({ pixels: fixedList(784, numeric("uint8")) }).inputs[0]?.questions).toEqual([
      expect.stringContaining("scale"),
    ]);
  });

  test("a question lists all columns for an input that none fits, and the draft reports a problem", () => {
    const { inputs, outputs, problems } = draft({ id: int, body: text });
    expect(inputs).toMatchObject([
      { keys: { column: "image" }, questions: [expect.stringContaining("id, body")] },
    ]);
    expect(problems.map(({ where }) => where)).toEqual(["map.inputs.image.column"]);
    expect(outputs).toHaveLength(2);
  });

  test("a column whose name occurs twice is not used", () => {
    const twice = ["image", "image", "x"].map((name) => aField(name, fixedList(784)));
    const found = {
      folder: null,
      sample: NO_SAMPLE,
      ...{ textCauses: [], classes: {} },
      ...LOADED,
      ran: null,
    };
    const { inputs } = draftFor({ signature: aModel(), fields: twice, ...found });
    expect(inputs[0]?.keys).toEqual({ column: "x" });
  });
});
