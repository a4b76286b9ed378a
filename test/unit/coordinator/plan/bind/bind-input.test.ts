import { describe, expect, test } from "vitest";
import type { FieldType } from "../../../../../shared/domain/dataset.ts";
import type { Dim, Dtype } from "../../../../../shared/domain/tensor.ts";
import { needs } from "../../../../support/needs.ts";
import { aTensor, bind, fixedList, list, type MapParts, numeric, problemsOf } from "./bind-fixtures.ts";

type Case = readonly [type: FieldType, dims: readonly Dim[], dtype?: Dtype, shape?: readonly number[]];

function parts([type, dims, dtype, shape]: Case): Parameters<typeof bind> {
  const map: MapParts = shape === undefined ? {} : { inputs: { x: { shape } } };
  return [
    map,
    { x: type },
    { inputs: [aTensor("x", ["n", ...dims], dtype)], outputs: [aTensor("y", ["n"])] },
  ];
}

describe("a column that feeds an input", () => {
  test.each<[string, Case, readonly number[]]>([
    ["a number", [numeric("int64"), []], []],
    ["a number for a vector of one", [numeric("bool"), [1]], [1]],
    ["a number for an open vector", [numeric("float64"), ["d"]], [1]],
    ["a fixed list", [fixedList(12), [12]], [12]],
    ["a fixed list for a tensor of its size", [fixedList(12), [3, 2, 2]], [3, 2, 2]],
    ["a fixed list of fixed lists", [fixedList(3, fixedList(4)), [12]], [12]],
    ["a fixed list for one open dimension", [fixedList(12), [3, "w"]], [3, 4]],
    ["a fixed list for an unnamed open dimension", [fixedList(12), [-1]], [12]],
    [
      "a fixed list for open dimensions with a given shape",
      [fixedList(12), ["h", "w"], "float32", [3, 4]],
      [3, 4],
    ],
    ["a list, checked row by row", [list(), [12]], [12]],
    ["a list for open dimensions with a given shape", [list(), ["h", "w"], "float32", [3, 4]], [3, 4]],
    ["a list of lists", [list(list()), [3, 4]], [3, 4]],
    ["a list of fixed lists", [list(fixedList(4)), [12]], [12]],
    ["bytes, checked row by row", [{ kind: "binary" }, [12]], [12]],
    ["a fixed number of bytes as values", [{ kind: "fixedBinary", bytes: 12 }, [12]], [12]],
    ["a fixed number of bytes as raw values", [{ kind: "fixedBinary", bytes: 48 }, [12]], [12]],
    [
      "bytes for one open dimension of bytes",
      [{ kind: "fixedBinary", bytes: 12 }, [3, "w"], "uint8"],
      [3, 4],
    ],
  ])("an input can be fed by %s", (_name, of, rowDims) => {
    expect(bind(...parts(of)).inputs[0]).toMatchObject({
      rowDims,
      rowValues: rowDims.reduce((a, b) => a * b, 1),
      source: { kind: "one", column: "x" },
    });
  });

  test("the plan has the scale, offset and fill of the job", () => {
    const inputs = { x: { column: "c", scale: 0.5, offset: -1, fill: 7 } };
    const plan = bind({ inputs }, { c: numeric("uint8") }, { inputs: [aTensor("x", ["n"])] });
    expect(plan.inputs[0]).toMatchObject({
      scale: 0.5,
      offset: -1,
      fill: 7,
      source: { kind: "one", column: "c" },
    });
  });
});

describe("a column that cannot feed an input", () => {
  test.each<[string, Case, object]>([
    ["text", [{ kind: "string" }, []], { what: "column `x` cannot feed a model", found: "string" }],
    ["a list of text", [list({ kind: "string" }), []], { found: "list of string" }],
    [
      "a date",
      [{ kind: "date", unit: "day" }, []],
      { found: "date32", hint: expect.stringContaining("epoch(name)") },
    ],
    [
      "a decimal",
      [{ kind: "decimal", precision: 9, scale: 2 }, []],
      { hint: expect.stringContaining("SELECT *, name::DOUBLE") },
    ],
    [
      "a fixed list of another length",
      [fixedList(100), [1, 28, 28]],
      { expected: "784 float32 values a row, [1, 28, 28]", found: "`x`: fixed list of 100 float32" },
    ],
    ["a number for a vector", [numeric("float32"), [4]], { expected: "4 float32 values a row, [4]" }],
    [
      "fixed lists whose length does not divide a row",
      [list(fixedList(5)), [12]],
      { expected: "12 float32 values a row, [12]" },
    ],
    [
      "another number of bytes",
      [{ kind: "fixedBinary", bytes: 13 }, [12]],
      { expected: "12 bytes (uint8 values) or 48 bytes (float32 values)" },
    ],
    [
      "a fixed list that does not fit an open dimension",
      [fixedList(13), [3, "w"]],
      { expected: "[3, w] after the batch" },
    ],
    [
      "a fixed list for two open dimensions",
      [fixedList(12), ["h", "w"]],
      { hint: expect.stringContaining("shape") },
    ],
    [
      "bytes that could be values of two types",
      [{ kind: "fixedBinary", bytes: 16 }, ["d"]],
      { hint: "give `shape`: 16 bytes are 16 uint8 values or 4 float32 values" },
    ],
    ["an empty list", [fixedList(0), ["d"]], { expected: "[d] after the batch" }],
  ])("an input cannot be fed by %s", (_name, of, problem) => {
    expect(problemsOf(...parts(of))).toEqual([
      expect.objectContaining({ where: "map.inputs.x", ...problem }),
    ]);
  });

  test.each<[string, Case]>([
    ["has other sizes than the model", [fixedList(12), [3, "w"], "float32", [4, 3]]],
    ["has another rank than the model", [fixedList(12), [12], "float32", [3, 4]]],
    ["exceeds the limit of a row", [list(), ["h", "w"], "float32", [1_000_000, 1_000_000]]],
  ])("a shape that %s is refused", (_name, of) => {
    expect(problemsOf(...parts(of))[0]?.where).toBe("map.inputs.x.shape");
  });

  test("a shape of another size than the cells is a problem of the input", () => {
    expect(problemsOf(...parts([fixedList(12), ["d"], "float32", [13]]))[0]).toMatchObject({
      where: "map.inputs.x",
      expected: "13 float32 values a row, [13]",
    });
  });

  test("`fill` for a column of bytes is refused", () => {
    const inputs = { x: { fill: 0 } };
    const [problem] = problemsOf({ inputs }, { x: { kind: "binary" } }, { inputs: [aTensor("x", ["n", 4])] });
    expect(problem).toMatchObject({ where: "map.inputs.x.fill", found: "`x`: binary" });
  });
});

describe("an input without a source", () => {
  test("an input without a source is a problem that names the columns and the nearest name", () => {
    const problems = problemsOf({}, { pixels: list(), images: fixedList(784) });
    expect(problems).toEqual([
      {
        where: "map.inputs.image",
        what: "nothing feeds the model's input `image`",
        expected: "a column `image`, or an entry under map.inputs that names one",
        found: "the columns `pixels`, `images`",
        hint: "did you mean `images`?",
      },
    ]);
  });

  test("an input without an entry is fed by the column of its name, though another input has an entry", () => {
    const plan = bind(
      { inputs: { a: { column: "c" } } },
      { b: numeric("float32"), c: numeric("float32") },
      { inputs: [aTensor("a", ["n"]), aTensor("b", ["n"])] },
    );
    expect(plan.inputs.map(({ source }) => source)).toEqual([
      { kind: "one", column: "c" },
      { kind: "one", column: "b" },
    ]);
  });

  test("the problem lists at most thirty columns", () => {
    const types = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`c${i}`, numeric("float32")]));
    expect(problemsOf({}, types)[0]?.found).toMatch(/`c29` and 10 more$/);
  });

  test("an input can be named like a property of every object", () => {
    const [problem] = problemsOf({}, { x: list() }, { inputs: [aTensor("constructor", ["n"])] });
    expect(problem?.where).toBe("map.inputs.constructor");
  });
});

describe("stacked columns", () => {
  const types = {
    f1: numeric("float32"),
    id: { kind: "string" },
    f0: numeric("int8"),
    f10: numeric("bool"),
  } as const;
  const inputs = [aTensor("x", ["n", "d"])];

  test("listed columns are stacked in the order of the list", () => {
    const plan = bind({ inputs: { x: { columns: ["f10", "f0"] } } }, types, { inputs });
    expect(plan.inputs[0]).toMatchObject({ rowDims: [2], source: { kind: "stack", columns: ["f10", "f0"] } });
  });

  test("columns that match a pattern are stacked in the order of the input", () => {
    const plan = bind({ inputs: { x: { columns: "f*" } } }, types, { inputs });
    expect(plan.inputs[0]).toMatchObject({
      rowDims: [3],
      source: { kind: "stack", columns: ["f1", "f0", "f10"] },
    });
    expect(plan.columns).toEqual(["f1", "f0", "f10"]);
  });

  test("another number of columns than the model takes is a problem", () => {
    const model = { inputs: [aTensor("x", ["n", 2])] };
    expect(problemsOf({ inputs: { x: { columns: "f*" } } }, types, model)[0]).toMatchObject({
      where: "map.inputs.x.columns",
      expected: "2 float32 values a row, [2]",
      found: "3 stacked columns (`f1`, `f0`, `f10`)",
    });
  });

  test("a column that is missing or not numeric is a problem at its own place", () => {
    const problems = problemsOf({ inputs: { x: { columns: ["f0", "id", "f11"] } } }, types, { inputs });
    expect(problems).toMatchObject([
      { where: "map.inputs.x.columns[1]", what: "column `id` cannot be stacked", found: "`id`: string" },
      { where: "map.inputs.x.columns[2]", what: "no column `f11`" },
    ]);
  });

  test("a pattern without a matching column is a problem", () => {
    expect(problemsOf({ inputs: { x: { columns: "g*" } } }, types, { inputs })[0]).toMatchObject({
      where: "map.inputs.x.columns",
      what: "no column matches `g*`",
    });
  });
});

describe("inputs that share a symbol", () => {
  const inputs = [aTensor("mask", ["n", "s"], "int64"), aTensor("ids", ["n", "s"], "int64")];
  const bothGiven = { ids: { shape: [128] }, mask: { shape: [64] } };

  test("one input that sets the size of a symbol is enough, in any order", () => {
    const plan = bind({ inputs: { ids: { shape: [128] } } }, { ids: list(), mask: list() }, { inputs });
    expect(plan.inputs.map(({ tensor, rowDims }) => [tensor, rowDims])).toEqual([
      ["mask", [128]],
      ["ids", [128]],
    ]);
  });

  test("two sizes of one symbol are a problem", () => {
    const problems = problemsOf({}, { ids: fixedList(128), mask: fixedList(64) }, { inputs });
    expect(problems).toMatchObject([{ where: "map.inputs.ids", expected: "64 int64 values a row, [64]" }]);
  });

  test("`shape` can give one symbol two sizes, in one tensor or in two, in any order", () => {
    const square = { inputs: [aTensor("x", ["n", "s", "s"])] };
    const [x] = bind({ inputs: { x: { shape: [3, 4] } } }, { x: list() }, square).inputs;
    expect(x?.rowDims).toEqual([3, 4]);
    const types = { ids: fixedList(128), mask: fixedList(64) };
    for (const given of [{ ids: { shape: [128] } }, { mask: { shape: [64] } }]) {
      for (const order of [inputs, inputs.toReversed()]) {
        const plan = bind({ inputs: { ...given, ...bothGiven } }, types, { inputs: order });
        expect(plan.inputs.map(({ tensor, rowDims }) => [tensor, rowDims]).sort()).toEqual([
          ["ids", [128]],
          ["mask", [64]],
        ]);
      }
    }
  });

  test("a symbol with two sizes leaves an output open, and unnamed dimensions may have two sizes", () => {
    const outputs = [aTensor("y", ["n", "s"])];
    const types = { ids: fixedList(128), mask: fixedList(64) };
    expect(problemsOf({ inputs: bothGiven }, types, { inputs, outputs })).toMatchObject([
      { where: "map.outputs.y", found: "[s] after the batch", hint: expect.stringContaining("name the") },
    ]);
    const nameless = { inputs: [aTensor("ids", ["", ""], "int64"), aTensor("mask", ["", ""], "int64")] };
    expect(bind({}, types, nameless).inputs.map(({ rowDims }) => rowDims)).toEqual([[128], [64]]);
  });
});

needs("csv-json")("the problem of a text column names the key that converts it to numbers", () => {
  const [problem] = problemsOf(...parts([{ kind: "string" }, []]));
  expect(problem?.hint).toMatch(
    /^for numbers in CSV[^`]* JSON Lines[^`]*, set `input\.types: \{ x: float64 \}`/,
  );
});
