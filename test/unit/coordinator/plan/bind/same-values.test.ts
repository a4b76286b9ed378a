import { Float32 } from "apache-arrow";
import { describe, expect, test } from "vitest";
import type { Dim, Dtype } from "../../../../../shared/domain/tensor.ts";
import type { ValueElement } from "../../../../../shared/input-sources/same-value.ts";
import { buildFeeds } from "../../../../../worker/batch/batch.ts";
import { BufferPool } from "../../../../../worker/batch/buffer-pool.ts";
import { InputChunk } from "../../../../../worker/tensorize/input-chunk.ts";
import { batchOf, column } from "../../../../support/shard-inputs.ts";
import { aTensor, bind, type MapParts, numeric, problemsOf } from "./bind-fixtures.ts";

type Nested = ValueElement | readonly Nested[];

/** Returns a model of a column `x` and an input `v`. */
const aModelWith = (dims: readonly Dim[], dtype: Dtype = "float32", batch: Dim = "batch") => ({
  inputs: [aTensor("x", [batch]), aTensor("v", dims, dtype)],
  outputs: [aTensor("y", [batch])],
});

const given = (value: Nested, more: object = {}): MapParts => ({
  inputs: { v: { value, ...more } as never },
});

/** Returns the feed of `v` for a batch of 3 rows. */
function fed(map: MapParts, model: ReturnType<typeof aModelWith>) {
  const bound = bind(map, { x: numeric("float32") }, model);
  const chunk = new InputChunk(batchOf({ x: column([1, 2, 3], new Float32()) }), 0, bound.inputs);
  const batch = { pieces: [{ chunk, start: 0, end: 3 }], rows: 3, lengths: null, length: null };
  const { v } = buildFeeds(batch, bound, new BufferPool(2));
  if (v === undefined) throw new Error("no feed");
  const arrays = { float32: Float32Array, int64: BigInt64Array, bool: Uint8Array, float16: Uint16Array };
  return [v.dims, [...new arrays[v.dtype as keyof typeof arrays](v.data)]];
}

describe("a constant value for an input", () => {
  test("a constant feeds an input without a batch dimension", () => {
    expect(fed(given(16000), aModelWith([], "int64"))).toEqual([[], [16000n]]);
    expect(fed(given("9007199254740993"), aModelWith([], "int64"))).toEqual([[], [9007199254740993n]]);
    expect(fed(given(true), aModelWith([], "bool"))).toEqual([[], [1]]);
    expect(fed(given("NaN"), aModelWith([1]))).toEqual([[1], [Number.NaN]]);
    expect(fed(given(0.5), aModelWith([2, 2]))).toEqual([
      [2, 2],
      [0.5, 0.5, 0.5, 0.5],
    ]);
    expect(fed(given([1, 2, 3]), aModelWith(["n"]))).toEqual([[3], [1, 2, 3]]);
    expect(fed(given([1, 2]), aModelWith([2, 2]))).toEqual([
      [2, 2],
      [1, 2, 1, 2],
    ]);
    expect(fed(given(1.5), aModelWith([], "float16"))).toEqual([[], [0x3e00]]);
  });

  test("a constant is repeated for each row if the input has a batch dimension", () => {
    expect(fed(given(7), aModelWith(["batch"]))).toEqual([[3], [7, 7, 7]]);
    expect(fed(given([1, 2]), aModelWith(["batch", "k"]))).toEqual([
      [3, 2],
      [1, 2, 1, 2, 1, 2],
    ]);
    expect(fed(given(0), aModelWith(["batch", 2]))).toEqual([
      [3, 2],
      [0, 0, 0, 0, 0, 0],
    ]);
    // A recurrent state of zeros.
    const state = given([[1], [2]], { batchAxis: 1 });
    expect(fed(state, aModelWith([2, "batch", 1]))).toEqual([
      [2, 3, 1],
      [1, 1, 1, 2, 2, 2],
    ]);
  });

  test("one value fills the shape that the job gives, which may be empty", () => {
    const cache = aModelWith(["batch", 2, "past", 3]);
    expect(fed(given(0, { shape: [2, 0, 3] }), cache)).toEqual([[3, 2, 0, 3], []]);
    expect(fed(given(5, { shape: [2, 1, 3] }), cache)).toEqual([[3, 2, 1, 3], Array(18).fill(5)]);
    const state = aModelWith([2, "batch", "past"]);
    expect(fed(given(0, { shape: [2, 0], batchAxis: 1 }), state)).toEqual([[2, 3, 0], []]);
    expect(fed(given(0, { shape: [0, 2] }), aModelWith(["n", 2]))).toEqual([[0, 2], []]);
  });

  test.each([
    ["of another rank", given(0, { shape: [2] }), "not of the shape"],
    ["of another size", given(0, { shape: [3, 0, 3] }), "not of the shape"],
    ["with too many values", given(0, { shape: [2, 90_000_000, 3] }), "not of the shape"],
    ["beside lists, which have one", given([[[1]], [[2]]], { shape: [2, 1, 1] }), "have a shape already"],
  ])("a shape of a constant is refused if it is %s", (_what, map, said) => {
    const problems = problemsOf(map, { x: numeric("float32") }, aModelWith(["batch", 2, "past", 3]));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ where: "map.inputs.v.shape", what: expect.stringContaining(said) });
  });

  test("a constant is accepted with a batch of a fixed size", () => {
    expect(fed(given(7), aModelWith(["n"], "float32", 4))).toEqual([[4], [7, 7, 7, 7]]);
    expect(fed(given([1]), aModelWith([4, 1], "float32", 4))).toEqual([
      [4, 1],
      [1, 1, 1, 1],
    ]);
    expect(bind(given(7), { x: numeric("float32") }, aModelWith([1])).fixedBatchRows).toBeNull();
  });

  test.each([
    ["one value for two open dimensions", given(1), aModelWith(["a", "b"]), "not of the shape"],
    ["a list for a scalar", given([1]), aModelWith([]), "not of the shape"],
    ["lists of another size", given([1, 2, 3]), aModelWith([2]), "not of the shape"],
    ["one row as the whole tensor", given([[1, 2]]), aModelWith(["batch", 2]), "not of the shape"],
    ["lists of different lengths", given([[1, 2], [3]]), aModelWith([2, 2]), "is no table"],
    ["a fraction for whole numbers", given(0.5), aModelWith([], "int64"), "cannot hold this value"],
    ["a number that is too large", given(300), aModelWith([], "uint8"), "cannot hold this value"],
    ["a number that lost digits", given(2 ** 53 + 2), aModelWith([], "int64"), "cannot hold this value"],
    ["NaN for whole numbers", given("NaN"), aModelWith([], "int32"), "cannot hold this value"],
    ["text for a number", given("fast"), aModelWith([]), "cannot hold this value"],
    ["a state without a given batch axis", given(0), aModelWith([2, "batch", 4]), "not of the shape"],
  ])("a constant is refused if it is %s", (_what, map, model, said) => {
    const problems = problemsOf(map, { x: numeric("float32") }, model);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ where: "map.inputs.v.value", what: expect.stringContaining(said) });
  });

  test("the hint for an unfed input without a batch dimension suggests a constant", () => {
    const [problem] = problemsOf({}, { x: numeric("float32") }, aModelWith([], "int64"));
    expect(problem?.hint).toContain("v: { value: 1 }");
  });

  test("a model is refused if constants feed all of its inputs", () => {
    const model = { inputs: [aTensor("v", [])], outputs: [aTensor("y", ["n"])] };
    expect(problemsOf(given(1), {}, model)[0]?.what).toBe("the model has no input that takes rows");
  });
});
