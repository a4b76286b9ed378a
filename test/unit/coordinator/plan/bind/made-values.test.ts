import { describe, expect, test } from "vitest";
import type { Dim, Dtype } from "../../../../../shared/domain/tensor.ts";
import { aTensor, bind, list, type MapParts, numeric, problemsOf } from "./bind-fixtures.ts";

const IDS = { ids: list(numeric("int64")) };
const PAIRS = { ...IDS, d: list(list(numeric("float32"))) };

/** Returns a model of lists `ids` and an input `v`. */
const withInput = (dims: readonly Dim[], dtype: Dtype = "int64") => ({
  inputs: [aTensor("ids", ["b", "n"], "int64"), aTensor("v", ["b", ...dims], dtype)],
  outputs: [aTensor("y", ["b", 2])],
});
const made = (keys: object): MapParts => ({ inputs: { v: keys as never } });
const shapes = (map: MapParts, model: ReturnType<typeof withInput>, types = IDS) =>
  bind(map, types, model).inputs.map(({ rowDims, rowShape }) => ({ rowDims, ...rowShape }));

describe("inputs that are made from another input", () => {
  test("lengths are one number a row, and let rows be padded", () => {
    const padded = { rowDims: [], kind: "padded", pad: 0, sequence: 0 };
    const lengths = { kind: "counted", sequence: 0 };
    expect(shapes(made({ lengths: "ids" }), withInput([]))).toEqual([padded, { rowDims: [], ...lengths }]);
    expect(shapes(made({ lengths: "ids" }), withInput([1], "int32"))).toEqual([
      padded,
      { rowDims: [1], ...lengths },
    ]);
  });

  test("positions have a value for each position, and alone let no row be padded", () => {
    const unpadded = { rowDims: [], kind: "unpadded", sequence: 0 };
    expect(shapes(made({ positions: "ids" }), withInput(["n"]))).toEqual([unpadded, unpadded]);
    const both = { inputs: { ids: { pad: 3 }, v: { positions: "ids", pad: 1, offset: 2 } } };
    expect(shapes(both, withInput(["m"]))).toEqual([
      { rowDims: [], kind: "padded", pad: 3, sequence: 0 },
      { rowDims: [], kind: "padded", pad: 1, sequence: 0 },
    ]);
  });

  test.each<[string, Dim[], number[], number]>([
    ["[batch, n, n]", ["n", "n"], [], 0],
    ["[batch, 1, n, n]", [1, "n", "n"], [1], 1],
    ["[batch, 1, queries, keys]", [1, "q", "k"], [1], 1],
    ["[batch, n, n, 1]", ["n", "n", 1], [1], 0],
  ])("a mask of %s has pairs of positions", (_shape, dims, rowDims, before) => {
    expect(shapes(made({ mask: "ids" }), withInput(dims, "float32"))[1]).toEqual({
      ...{ rowDims, kind: "pairs", pad: 0, sequence: 0, before },
    });
  });

  test("a causal mask is additive by scale and offset, also in its padding", () => {
    const { inputs } = bind(
      made({ mask: "ids", causal: true, scale: 9, offset: -9 }),
      IDS,
      withInput(["n", "n"]),
    );
    expect(inputs[1]).toMatchObject({
      source: { kind: "mask", of: "ids", causal: true },
      rowShape: { kind: "pairs", pad: -9 },
    });
  });

  test("a column of lists feeds pairs of positions that have one name", () => {
    const column = (keys: object): MapParts => ({ inputs: { v: { column: "d", ...keys } } });
    const model = withInput([1, "n", "n"], "float32");
    expect(shapes(column({ pad: 7 }), model, PAIRS)).toEqual([
      { rowDims: [], kind: "padded", pad: 0, sequence: 0 },
      { rowDims: [1], kind: "pairs", pad: 7, sequence: 0, before: 1 },
    ]);
    expect(shapes(column({}), model, PAIRS)).toEqual([
      { rowDims: [], kind: "unpadded", sequence: 0 },
      { rowDims: [1], kind: "pairs", pad: null, sequence: 0, before: 1 },
    ]);
    const named = withInput(["height", "width"], "float32");
    expect(problemsOf(column({}), PAIRS, named)[0]?.what).toContain("leaves the shape of `v` open");
  });

  test.each<[string, object, ReturnType<typeof withInput>, string, string]>([
    ["lengths for each position", { lengths: "ids" }, withInput(["n"]), "", "cannot be lengths of positions"],
    ["lengths of two numbers", { lengths: "ids" }, withInput([2]), "", "cannot be lengths of positions"],
    ["positions for a row", { positions: "ids" }, withInput([]), "", "cannot be positions of positions"],
    ["a mask of three dimensions", { mask: "ids" }, withInput(["n", "n", "n"]), "", "cannot be a mask"],
    ["a mask for two rows of pairs", { mask: "ids" }, withInput([2, "n", "n"]), "", "cannot be a mask"],
    ["a causal mask of one dimension", { mask: "ids", causal: true }, withInput(["n"]), ".causal", "before"],
    ["lengths that 16 bits cannot hold", { lengths: "ids" }, withInput([], "int16"), "", "cannot hold all"],
    [
      "positions that a half cannot hold",
      { positions: "ids" },
      withInput(["n"], "float16"),
      "",
      "cannot hold",
    ],
    ["padding that is too large", { positions: "ids", pad: 1e30 }, withInput(["n"]), "", "cannot hold all"],
    ["lengths of an unknown input", { lengths: "idz" }, withInput([]), ".lengths", "has no input `idz`"],
    ["lengths of itself", { lengths: "v" }, withInput([]), ".lengths", "no positions to make lengths of"],
  ])("%s is refused", (_what, keys, model, where, said) => {
    const problems = problemsOf(made(keys), IDS, model);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ where: `map.inputs.v${where}`, what: expect.stringContaining(said) });
  });

  test("an unfed input of such a name has a hint", () => {
    const model = (name: string, dims: Dim[]) => ({
      inputs: [aTensor("ids", ["b", "n"], "int64"), aTensor(name, ["b", ...dims], "int64")],
    });
    for (const name of ["input_lengths", "x_lens", "length"])
      expect(problemsOf({}, IDS, model(name, []))[0]?.hint).toContain(`${name}: { lengths: input_ids }`);
    expect(problemsOf({}, IDS, model("position_ids", ["n"]))[0]?.hint).toContain("{ positions: input_ids }");
  });
});
