import { Float64, Int32, Int64, makeData, Uint8, Uint64 } from "apache-arrow";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeHalf, halfTable } from "../../../../shared/core/float16.ts";
import type { Dtype } from "../../../../shared/domain/tensor.ts";
import { aBinding, batchOf, tensorize } from "../../../support/shard-inputs.ts";

describe("64-bit integers", () => {
  const big = [2n ** 63n - 1n, -(2n ** 63n), 9_007_199_254_740_993n, -1n, 0n];
  const data = makeData({ type: new Int64(), data: BigInt64Array.from(big) });

  test("int64 values stay exact in an int64 tensor, beyond what a float holds", () => {
    expect(tensorize(batchOf({ c: data }), aBinding({ dtype: "int64" })).values).toEqual(big);
  });

  test("int64 values stay exact in a stack of columns", () => {
    const stack = { kind: "stack", columns: ["c", "c"] } as const;
    const bound = aBinding({ dtype: "int64", rowDims: [2], rowValues: 2, source: stack });
    expect(tensorize(batchOf({ c: data }), bound).values).toEqual(big.flatMap((value) => [value, value]));
  });

  test("int64 values become the nearest float64", () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })), (values) => {
        const c = makeData({ type: new Int64(), data: BigInt64Array.from(values) });
        const found = tensorize(batchOf({ c }), aBinding({ dtype: "float64" })).values;
        expect(found).toEqual(values.map(Number));
      }),
    );
  });

  test("an integer outside the other type's range fails its row with ROW_VALUE", () => {
    const { values, bad } = tensorize(batchOf({ c: data }), aBinding({ dtype: "uint64" }));
    expect(values).toEqual([2n ** 63n - 1n, 9_007_199_254_740_993n, 0n]);
    expect(bad).toEqual({ 1: "ROW_VALUE", 3: "ROW_VALUE" });
    const unsigned = makeData({
      type: new Uint64(),
      data: BigUint64Array.from([2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n]),
    });
    const back = tensorize(batchOf({ c: unsigned }), aBinding({ dtype: "int64" }));
    expect(back.values).toEqual([2n ** 63n - 1n]);
    expect(back.bad).toEqual({ 1: "ROW_VALUE", 2: "ROW_VALUE" });
  });

  test("a float outside the range of int64 fails its row with ROW_VALUE", () => {
    const floats = makeData({ type: new Float64(), data: Float64Array.of(-(2 ** 63), 2 ** 63, -1, 1e15) });
    const { values, bad } = tensorize(batchOf({ c: floats }), aBinding({ dtype: "int64" }));
    expect(values).toEqual([-(2n ** 63n), -1n, 10n ** 15n]);
    expect(bad).toEqual({ 1: "ROW_VALUE" });
  });
});

describe("values outside the range of a dtype", () => {
  test.each<[Dtype, number[], Record<number, string>]>([
    ["int8", [-128, 127, -129, 128], { 2: "ROW_VALUE", 3: "ROW_VALUE" }],
    ["int8", [-0, 1.5, -0.5], { 1: "ROW_VALUE", 2: "ROW_VALUE" }],
    ["uint8", [0, 255, -1, 256], { 2: "ROW_VALUE", 3: "ROW_VALUE" }],
    [
      "int32",
      [2 ** 31 - 1, 2 ** 31, Number.NaN, Infinity],
      { 1: "ROW_VALUE", 2: "ROW_VALUE", 3: "ROW_VALUE" },
    ],
    ["bool", [0.5, Number.NaN, Infinity, 0], { 1: "ROW_VALUE" }],
    ["float16", [Number.NaN, 1e9, 1, Infinity, 65_504, 65_520], { 1: "ROW_VALUE", 5: "ROW_VALUE" }],
    ["float32", [Number.NaN, 1e40, -Infinity, 3.4e38, -3.5e38], { 1: "ROW_VALUE", 4: "ROW_VALUE" }],
    ["float64", [Number.NaN, 1e308, Infinity], {}],
  ])("%s, case %#: values that do not fit fail their rows", (dtype, numbers, expected) => {
    const c = makeData({ type: new Float64(), data: Float64Array.from(numbers) });
    expect(tensorize(batchOf({ c }), aBinding({ dtype })).bad).toEqual(expected);
  });

  test("the range is checked after scale and offset", () => {
    const c = makeData({ type: new Uint8(), data: Uint8Array.of(1, 200) });
    const { values, bad } = tensorize(batchOf({ c }), aBinding({ dtype: "uint8", scale: 2 }));
    expect(values).toEqual([2]);
    expect(bad).toEqual({ 1: "ROW_VALUE" });
  });

  test("a fraction that a scale makes is truncated instead of failing its row", () => {
    const c = makeData({ type: new Float64(), data: Float64Array.of(0.5, -0.1) });
    const { values, bad } = tensorize(batchOf({ c }), aBinding({ dtype: "uint8", scale: 255 }));
    expect(values).toEqual([127]);
    expect(bad).toEqual({ 1: "ROW_VALUE" });
  });

  test("a finite value that would become infinite in a float dtype fails its row", () => {
    const floats: readonly Dtype[] = ["float16", "float32"];
    const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(
        fc.constantFrom(...floats),
        fc.array(finite, { minLength: 1, maxLength: 20 }),
        fc.constantFrom(1, 2, 1 / 255, -1e30),
        (dtype, numbers, scale) => {
          const c = makeData({ type: new Float64(), data: Float64Array.from(numbers) });
          const { values, bad } = tensorize(batchOf({ c }), aBinding({ dtype, scale }));
          const round =
            dtype === "float32" ? Math.fround : (value: number) => halfTable()[encodeHalf(value)] ?? 0;
          const expected = numbers.map((value) => round(scale === 1 ? value : value * scale + 0));
          const isLost = (row: number) =>
            !Number.isFinite(expected[row]) && Number.isFinite((numbers[row] ?? 0) * scale);
          expect(Object.keys(bad).map(Number)).toEqual(
            numbers.flatMap((_, row) => (isLost(row) ? [row] : [])),
          );
          expect(values).toEqual(expected.filter((_, row) => !isLost(row)));
        },
      ),
    );
  });

  test("the message names a large integer with all its digits", () => {
    const c = makeData({ type: new Uint64(), data: BigUint64Array.of(2n ** 64n - 1n) });
    const { messages } = tensorize(batchOf({ c }), aBinding({ dtype: "int64" }));
    expect(messages).toEqual(["column `c` holds 18446744073709551615, which does not fit int64"]);
    const wide = makeData({ type: new Float64(), data: Float64Array.of(2 ** 63) });
    expect(tensorize(batchOf({ c: wide }), aBinding({ dtype: "int64" })).messages).toEqual([
      "column `c` holds 9223372036854775808, which does not fit int64",
    ]);
  });

  test("the message names the column, the value and the dtype", () => {
    const c = makeData({ type: new Int32(), data: Int32Array.of(300) });
    const { messages } = tensorize(batchOf({ c }), aBinding({ dtype: "uint8" }));
    expect(messages).toEqual(["column `c` holds 300, which does not fit uint8"]);
  });
});
