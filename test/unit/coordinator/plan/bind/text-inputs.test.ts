import { describe, expect, test } from "vitest";
import type { FieldType } from "../../../../../shared/domain/dataset.ts";
import type { Dim, ElementType } from "../../../../../shared/domain/tensor.ts";
import { aTensor, bind, fixedList, numeric, problemsOf } from "./bind-fixtures.ts";

describe("texts and missing values", () => {
  const text = { kind: "string" } as const;
  const dictionary = { kind: "dictionary", values: text } as const;
  const ofTexts = (dims: readonly Dim[]) => ({ inputs: [aTensor("x", dims, "string")] });

  test("columns of text, dictionaries of text and stacked text columns feed inputs of text", () => {
    expect(bind({}, { x: text }, ofTexts(["batch"])).inputs[0]).toMatchObject({
      dtype: "string",
      rowDims: [],
    });
    expect(bind({}, { x: dictionary }, ofTexts(["batch", 1])).inputs[0]).toMatchObject({ rowDims: [1] });
    const stacked = { inputs: { x: { columns: ["a", "b"] } } };
    const columns = { a: text, b: dictionary };
    expect(bind(stacked, columns, ofTexts(["batch", "k"])).inputs[0]).toMatchObject({ rowDims: [2] });
    expect(bind({}, { x: fixedList(3, text) }, ofTexts(["batch", "k"])).inputs[0]?.rowDims).toEqual([3]);
  });

  test("numbers cannot feed an input of text, or texts one of numbers, and the problem names what can", () => {
    const [number] = problemsOf({}, { x: numeric("int64") }, ofTexts(["batch"]));
    expect(number).toMatchObject({
      expected: "text, or a list of texts",
      hint: expect.stringContaining("CAST(x AS"),
    });
    expect(problemsOf({}, { image: text })[0]).toMatchObject({ what: "column `image` cannot feed a model" });
    const mixed = { inputs: { x: { columns: ["a", "b"] } } };
    const [stacked] = problemsOf(mixed, { a: text, b: numeric("int8") }, ofTexts(["batch", 2]));
    expect(stacked).toMatchObject({
      where: "map.inputs.x.columns[1]",
      expected: "columns of one text a row",
    });
  });

  test("scale and offset are refused for texts", () => {
    const scaled = { inputs: { x: { scale: 2, offset: 1 } } };
    const problems = problemsOf(scaled, { x: text }, ofTexts(["batch"]));
    expect(problems.map(({ where }) => where)).toEqual(["map.inputs.x.scale", "map.inputs.x.offset"]);
  });

  test("a fill has the type of its tensor, and NaN is accepted for floats", () => {
    const filled = (fill: number | string, dtype: ElementType) => {
      const column = dtype === "string" ? text : numeric("float64");
      const inputs = [aTensor("x", ["batch"], dtype)];
      return bind({ inputs: { x: { fill } } }, { x: column }, { inputs }).inputs[0]?.fill;
    };
    expect(filled("unknown", "string")).toBe("unknown");
    expect(filled("NaN", "float32")).toBe("NaN");
    expect(filled("NaN", "string")).toBe("NaN");
    expect(filled(-1, "int64")).toBe(-1);
    for (const [fill, dtype] of [
      ["NaN", "int64"],
      ["one", "float32"],
      [0, "string"],
      [300, "uint8"],
    ] as const) {
      expect(() => filled(fill, dtype)).toThrow(expect.objectContaining({ code: "SPEC_INVALID" }));
    }
  });
});

describe("columns of bytes", () => {
  const read = (bytes: "uint8" | "raw" | null, type: FieldType, dims: readonly Dim[] = ["n", 4]) => {
    const inputs = { x: bytes === null ? {} : { bytes } };
    const model = { inputs: [aTensor("x", dims)] };
    return bind({ inputs }, { x: type }, model).inputs[0];
  };
  const open = { kind: "binary" } as const;
  const fixed = (bytes: number) => ({ kind: "fixedBinary", bytes }) as const;

  test("bytes are read as the job sets, else as their fixed size fits, else as one value a byte", () => {
    expect(read(null, open)?.source).toEqual({ kind: "one", column: "x", bytes: "uint8" });
    expect(read("raw", open)?.source).toMatchObject({ bytes: "raw" });
    expect(read(null, fixed(4))?.source).toMatchObject({ bytes: "uint8" });
    expect(read(null, fixed(16))?.source).toMatchObject({ bytes: "raw" });
    expect(read("raw", fixed(16), ["n", "d"])).toMatchObject({ rowDims: [4], source: { bytes: "raw" } });
    expect(read("uint8", fixed(16), ["n", "d"])).toMatchObject({ rowDims: [16], source: { bytes: "uint8" } });
  });

  test("`bytes` is refused if the size of the cells does not fit, or the column has other values", () => {
    for (const [bytes, type] of [
      ["raw", fixed(4)],
      ["uint8", fixed(16)],
      ["raw", numeric("float32")],
    ] as const)
      expect(() => read(bytes, type)).toThrow(expect.objectContaining({ code: "SPEC_INVALID" }));
  });
});
