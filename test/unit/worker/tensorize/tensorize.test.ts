import {
  Binary,
  Bool,
  type Data,
  type DataType,
  Dictionary,
  Field,
  FixedSizeBinary,
  FixedSizeList,
  Float16,
  Float32,
  Float64,
  Int8,
  Int16,
  Int32,
  Int64,
  List,
  makeData,
  Uint8,
  Uint16,
  Uint32,
  Uint64,
  Utf8,
} from "apache-arrow";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeHalf } from "../../../../shared/core/float16.ts";
import { DTYPES, type Dtype } from "../../../../shared/domain/tensor.ts";
import { aBinding, batchOf, column, tensorize } from "../../../support/shard-inputs.ts";

const NUMERIC_SOURCES: Readonly<Record<string, (values: readonly number[]) => Data>> = {
  float16: (values) => makeData({ type: new Float16(), data: Uint16Array.from(values, encodeHalf) }),
  float32: (values) => makeData({ type: new Float32(), data: Float32Array.from(values) }),
  float64: (values) => makeData({ type: new Float64(), data: Float64Array.from(values) }),
  int8: (values) => makeData({ type: new Int8(), data: Int8Array.from(values) }),
  int16: (values) => makeData({ type: new Int16(), data: Int16Array.from(values) }),
  int32: (values) => makeData({ type: new Int32(), data: Int32Array.from(values) }),
  int64: (values) => makeData({ type: new Int64(), data: BigInt64Array.from(values, BigInt) }),
  uint8: (values) => makeData({ type: new Uint8(), data: Uint8Array.from(values) }),
  uint16: (values) => makeData({ type: new Uint16(), data: Uint16Array.from(values) }),
  uint32: (values) => makeData({ type: new Uint32(), data: Uint32Array.from(values) }),
  uint64: (values) => makeData({ type: new Uint64(), data: BigUint64Array.from(values, BigInt) }),
  bool: (values) =>
    column(
      values.map((value) => value !== 0),
      new Bool(),
    ),
};

const isBig = (dtype: Dtype) => dtype === "int64" || dtype === "uint64";

describe("numeric columns", () => {
  for (const [source, make] of Object.entries(NUMERIC_SOURCES)) {
    test.each(DTYPES)(`a ${source} column feeds a tensor of %s`, (dtype) => {
      const numbers = source === "bool" ? [0, 1, 1, 0, 1] : [0, 1, 100, 7, 42];
      const expected = dtype === "bool" ? numbers.map((value) => Number(value !== 0)) : numbers;
      const { values, bad } = tensorize(batchOf({ c: make(numbers) }), aBinding({ dtype }));
      expect(bad).toEqual({});
      expect(values).toEqual(isBig(dtype) ? expected.map(BigInt) : expected);
    });

    test.each(DTYPES)(`a ${source} column feeds a tensor of %s after scale and offset`, (dtype) => {
      const numbers = source === "bool" ? [0, 1, 1, 0, 1] : [0, 1, 9, 7, 3];
      const expected = numbers.map((value) => (dtype === "bool" ? 1 : value * 2 + 5));
      const { values } = tensorize(batchOf({ c: make(numbers) }), aBinding({ dtype, scale: 2, offset: 5 }));
      expect(values).toEqual(isBig(dtype) ? expected.map(BigInt) : expected);
    });

    test(`stacked ${source} columns feed one tensor, row by row`, () => {
      const numbers = source === "bool" ? [1, 0, 1] : [1, 2, 3];
      const batch = batchOf({ a: make(numbers), b: make([...numbers].reverse()) });
      const stack = { kind: "stack", columns: ["a", "b"] } as const;
      const { values } = tensorize(batch, aBinding({ rowDims: [2], rowValues: 2, source: stack }));
      expect(values).toEqual(numbers.flatMap((value, row) => [value, [...numbers].reverse()[row]]));
    });
  }
});

const item = (type: DataType) => new Field("item", type, true);

describe("list columns", () => {
  const list = new List(item(new Float32()));

  test("a list of the wrong length fails its row with the expected and the found length", () => {
    const c = column([[1, 2], [3], [], [4, 5], [6, 7, 8]], list);
    const { values, bad, messages } = tensorize(batchOf({ c }), aBinding({ rowDims: [2], rowValues: 2 }));
    expect(values).toEqual([1, 2, 4, 5]);
    expect(bad).toEqual({ 1: "ROW_LENGTH", 2: "ROW_LENGTH", 4: "ROW_LENGTH" });
    expect(messages[0]).toBe("column `c` has the wrong length: expected 2, found 1");
  });

  test("a list that is null or holds a null fails its row when there is no fill", () => {
    const c = column([[1, 2], null, [3, null], [4, 5]], list);
    const { values, bad } = tensorize(batchOf({ c }), aBinding({ rowDims: [2], rowValues: 2 }));
    expect(values).toEqual([1, 2, 4, 5]);
    expect(bad).toEqual({ 1: "ROW_NULL", 2: "ROW_NULL" });
  });

  test("a fill replaces nulls before scale and offset apply", () => {
    const c = column([[1, 2], null, [3, null], null, [4, 5]], list);
    const bound = aBinding({ rowDims: [2], rowValues: 2, fill: 10, scale: 2, offset: 1 });
    expect(tensorize(batchOf({ c }), bound).values).toEqual([3, 5, 21, 21, 7, 21, 21, 21, 9, 11]);
  });

  test("lists of fixed size are read from a slice", () => {
    const type = new FixedSizeList(3, item(new Int16()));
    const c = column(
      [
        [1, 2, 3],
        [4, 5, 6],
        [7, 8, 9],
        [10, 11, 12],
      ],
      type,
    );
    const bound = aBinding({ rowDims: [3], rowValues: 3, dtype: "int16" });
    expect(tensorize(batchOf({ c }).slice(1, 3), bound).values).toEqual([4, 5, 6, 7, 8, 9]);
  });

  test("nested lists are flattened, and ragged ones fail their rows", () => {
    const nested = new List(item(list));
    const c = column(
      [
        [
          [1, 2],
          [3, 4],
        ],
        [[1], [2, 3, 4]],
        [[5, 6], null],
        [
          [7, 8],
          [9, 0],
        ],
        null,
      ],
      nested,
    );
    const { values, bad } = tensorize(batchOf({ c }), aBinding({ rowDims: [2, 2], rowValues: 4 }));
    expect(values).toEqual([1, 2, 3, 4, 7, 8, 9, 0]);
    expect(bad).toEqual({ 1: "ROW_LENGTH", 2: "ROW_NULL", 4: "ROW_NULL" });
  });

  test("lists of fixed size inside lists of fixed size are flattened", () => {
    const type = new FixedSizeList(2, item(new FixedSizeList(2, item(new Float32()))));
    const c = column(
      [
        [
          [1, 2],
          [3, 4],
        ],
        [
          [5, 6],
          [7, 8],
        ],
      ],
      type,
    );
    const { values } = tensorize(batchOf({ c }), aBinding({ rowDims: [2, 2], rowValues: 4 }));
    expect(values).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });
});

describe("nulls in scalar columns", () => {
  test("rows around nulls keep their order, also in a slice", () => {
    const c = column([1, null, 3, 4, null, 6, 7, 8, null, 10], new Int32());
    const batch = batchOf({ c }).slice(1, 9);
    const { values, bad } = tensorize(batch, aBinding());
    expect(values).toEqual([3, 4, 6, 7, 8]);
    expect(bad).toEqual({ 0: "ROW_NULL", 3: "ROW_NULL", 7: "ROW_NULL" });
    expect(tensorize(batch, aBinding({ fill: -1 })).values).toEqual([-1, 3, 4, -1, 6, 7, 8, -1]);
  });

  test("the stored value of a null is not checked against the range", () => {
    const c = makeData({
      type: new Int32(),
      data: Int32Array.of(1, 99_999, 2),
      nullBitmap: Uint8Array.of(0b101),
    });
    const { values, bad } = tensorize(batchOf({ c }), aBinding({ dtype: "uint8", fill: 7 }));
    expect(bad).toEqual({});
    expect(values).toEqual([1, 7, 2]);
  });

  test("a null fails its row when the fill does not fit the dtype", () => {
    const c = column([1, null], new Int32());
    expect(tensorize(batchOf({ c }), aBinding({ dtype: "uint8", fill: 300 })).bad).toEqual({
      1: "ROW_VALUE",
    });
  });

  test("nulls in a stack of columns are filled one by one", () => {
    const batch = batchOf({ a: column([1, null], new Int32()), b: column([null, 4], new Float64()) });
    const stack = { kind: "stack", columns: ["a", "b"] } as const;
    const bound = aBinding({ rowDims: [2], rowValues: 2, source: stack, fill: 0 });
    expect(tensorize(batch, bound).values).toEqual([1, 0, 0, 4]);
  });

  test("a null boolean fails its row instead of being read as false, also in a slice", () => {
    const c = column([true, false, null, true, true, false, null, true, false, true, true], new Bool());
    const { values, bad } = tensorize(batchOf({ c }).slice(1, 9), aBinding({ dtype: "bool" }));
    expect(values).toEqual([0, 1, 1, 0, 1, 0]);
    expect(bad).toEqual({ 1: "ROW_NULL", 5: "ROW_NULL" });
  });
});

describe("binary columns", () => {
  const cells = (...values: readonly (readonly number[] | null)[]) =>
    column(
      values.map((bytes) => (bytes === null ? null : Uint8Array.from(bytes))),
      new Binary(),
    );

  test("each byte becomes one value by default", () => {
    const bound = aBinding({ rowDims: [3], rowValues: 3, scale: 0.5 });
    const { values, bad } = tensorize(batchOf({ c: cells([2, 4, 6], [1], [8, 10, 12], null) }), bound);
    expect(values).toEqual([1, 2, 3, 4, 5, 6]);
    expect(bad).toEqual({ 1: "ROW_LENGTH", 3: "ROW_NULL" });
  });

  test("raw bytes are read as little-endian values at any alignment", () => {
    const raw = (...values: number[]) => [...new Uint8Array(Float32Array.from(values).buffer)];
    const source = { kind: "one", column: "c", bytes: "raw" } as const;
    const bound = aBinding({ rowDims: [2], rowValues: 2, source });
    const c = cells([9], raw(1.5, -2), raw(3, 4));
    expect(tensorize(batchOf({ c }), bound)).toMatchObject({
      values: [1.5, -2, 3, 4],
      bad: { 0: "ROW_LENGTH" },
    });
  });

  test("bytes that fit only the other setting fail their row, and the message names that setting", () => {
    const raw = [...new Uint8Array(Int32Array.of(-5, 6).buffer)];
    const c = cells([1, 2], raw);
    const bound = { rowDims: [2], rowValues: 2, dtype: "int32" } as const;
    const source = { kind: "one", column: "c", bytes: "raw" } as const;
    const asRaw = tensorize(batchOf({ c }), aBinding({ ...bound, source }));
    expect([asRaw.values, asRaw.bad]).toEqual([[-5, 6], { 0: "ROW_LENGTH" }]);
    expect(asRaw.messages[0]).toContain("expected 8 bytes, found 2: it fits `bytes: uint8`");
    const asValues = tensorize(batchOf({ c }), aBinding(bound));
    expect([asValues.values, asValues.bad]).toEqual([[1, 2], { 1: "ROW_LENGTH" }]);
    expect(asValues.messages[0]).toContain("expected 2 bytes, found 8: it fits `bytes: raw`");
  });

  test("binary values of fixed size are cast from a slice", () => {
    const c = makeData({ type: new FixedSizeBinary(2), data: Uint8Array.of(1, 2, 3, 4, 5, 6), length: 3 });
    const bound = aBinding({ rowDims: [2], rowValues: 2, dtype: "uint8" });
    expect(tensorize(batchOf({ c }).slice(1, 3), bound).values).toEqual([3, 4, 5, 6]);
  });

  test("a fill replaces every byte of a null", () => {
    const bound = aBinding({ rowDims: [2], rowValues: 2, fill: 9 });
    expect(tensorize(batchOf({ c: cells([1, 2], null) }), bound).values).toEqual([1, 2, 9, 9]);
  });
});

test("a column that is missing or not numeric fails with INPUT_UNSUPPORTED", () => {
  const c = column(["a"], new Utf8());
  expect(() => tensorize(batchOf({ c }), aBinding())).toThrowError(
    expect.objectContaining({ code: "INPUT_UNSUPPORTED" }),
  );
  const d = column(["a"], new Dictionary(new Utf8(), new Int32()));
  expect(() => tensorize(batchOf({ c: d }), aBinding())).toThrowError(
    expect.objectContaining({ code: "INPUT_UNSUPPORTED" }),
  );
  expect(() => tensorize(batchOf({ d: c }), aBinding())).toThrowError(
    expect.objectContaining({ code: "INPUT_UNSUPPORTED" }),
  );
});

/** Item types whose values differ in width, layout or representation. */
const ITEM_TYPES: readonly DataType[] = [new Int8(), new Int32(), new Int64(), new Float32(), new Float64()];

test("any slice of a list column of any numbers gives the same values as its rows one by one", () => {
  const cell = fc.option(
    fc.array(fc.option(fc.integer({ min: -9, max: 9 }), { freq: 9 }), { minLength: 1, maxLength: 3 }),
    { freq: 6 },
  );
  const table = fc.array(cell, { minLength: 1, maxLength: 24 });
  fc.assert(
    fc.property(table, fc.constantFrom(...ITEM_TYPES), fc.nat(23), fc.nat(24), (rows, type, a, b) => {
      const [from, to] = [Math.min(a, b, rows.length), Math.min(Math.max(a, b), rows.length)];
      const big = (value: number | null) => (value === null ? null : BigInt(value));
      const cells = type instanceof Int64 ? rows.map((row) => row?.map(big) ?? null) : rows;
      const c = column(cells, new List(item(type)));
      const bound = aBinding({ rowDims: [2], rowValues: 2, fill: 5, scale: 3 });
      const expected = rows.slice(from, to).flatMap((row) => {
        if (row === null) return [15, 15];
        return row.length === 2 ? row.map((value) => (value ?? 5) * 3) : [];
      });
      const found = tensorize(batchOf({ c }).slice(from, to), bound).values;
      expect(found.map((value) => Number(value) + 0)).toEqual(expected.map((value) => value + 0));
    }),
  );
});
