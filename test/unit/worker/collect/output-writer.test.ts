import { type Data, Vector } from "apache-arrow";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeHalf } from "../../../../shared/core/float16.ts";
import type { OutputBinding } from "../../../../shared/domain/map-binding.ts";
import { outputFields } from "../../../../shared/domain/output-fields.ts";
import { DTYPE_ARRAYS, DTYPES, type Dtype, type TensorData } from "../../../../shared/domain/tensor.ts";
import { packTexts } from "../../../../shared/domain/texts.ts";
import { arrowField } from "../../../../worker/collect/arrow-fields.ts";
import { checkTensor, createOutputWriter } from "../../../../worker/collect/output-writer.ts";
import { anOutput } from "../../../support/shard-job.ts";
import { unevenChunk } from "../../../support/uneven-model.ts";

function tensorOf(dtype: Dtype, dims: readonly number[], values: readonly number[]): TensorData {
  const { length } = values;
  const array = new DTYPE_ARRAYS[dtype](length);
  values.forEach((value, index) => {
    if (array instanceof BigInt64Array || array instanceof BigUint64Array) array[index] = BigInt(value);
    else array[index] = dtype === "float16" ? encodeHalf(value) : value;
  });
  return { dtype, dims, data: array.slice().buffer };
}

/** Returns the columns that an output makes of `values`, as plain values. */
function write(changes: Partial<OutputBinding>, values: readonly number[]) {
  const binding = anOutput(changes);
  const rows = values.length / binding.rowValues;
  const writer = createOutputWriter(binding, rows + 3);
  const tensor = tensorOf(binding.dtype as Dtype, [rows, ...binding.rowDims], values);
  // Not at the start, to check the place.
  writer.write(tensor, [{ tensorRow: 0, rows: 1, place: 0 }]);
  writer.write(tensor, [{ tensorRow: 0, rows, place: 1 }]);
  const fields = outputFields({ keep: [], outputs: [binding] }).map(arrowField);
  expect(writer.columns.map(({ field }) => `${field}`)).toEqual(fields.map(String));
  return writer.columns.map((column) => {
    column.take([{ start: 0, end: 1 }]);
    const data = column.take([{ start: 1, end: rows + 1 }]);
    expect(`${data.type}`).toBe(`${column.field.type}`);
    return plain(data);
  });
}

function plain(data: Data): unknown[] {
  return Array.from(new Vector([data]), (value: unknown) => {
    const items = value instanceof Vector ? Array.from(value) : value;
    return items;
  });
}

describe("raw outputs", () => {
  test.each(DTYPES)("%s becomes a column of its own type, scalar or list", (dtype) => {
    const values = dtype === "bool" ? [1, 0, 1, 1] : [3, 0, 7, 1];
    const as = (value: number) =>
      dtype === "bool" ? value === 1 : dtype === "int64" || dtype === "uint64" ? BigInt(value) : value;
    expect(write({ dtype, rowDims: [], rowValues: 1 }, values)).toEqual([values.map(as)]);
    expect(write({ dtype }, values)).toEqual([[values.slice(0, 2).map(as), values.slice(2).map(as)]]);
  });
});

describe("classes", () => {
  test("argmax takes the first of equal scores, and NaN before all others", () => {
    const changes = { op: { kind: "argmax", labels: null }, rowDims: [3], rowValues: 3 } as const;
    expect(write(changes, [1, 5, 5, 9, 0, 2, 1, Number.NaN, 7])).toEqual([[1, 0, 1]]);
  });

  test("labels replace indices", () => {
    const changes = { op: { kind: "argmax", labels: ["no", "ja, größer"] } } as const;
    expect(write(changes, [0, 1, 1, 0, 3, 9])).toEqual([["ja, größer", "no", "ja, größer"]]);
  });

  test.each(["float16", "int8", "int64", "uint64", "float64"] as const)(
    "argmax reads scores of %s",
    (dtype) => {
      expect(write({ op: { kind: "argmax", labels: null }, dtype }, [1, 2, 9, 3])).toEqual([[1, 0]]);
    },
  );

  test("topK orders scores from the greatest, and equal scores by index", () => {
    const changes = { op: { kind: "topK", k: 3, labels: null }, rowDims: [4], rowValues: 4 } as const;
    expect(write(changes, [1, 7, 7, 3, 0, 0, 0, 0])).toEqual([
      [
        [7, 7, 3],
        [0, 0, 0],
      ],
      [
        [1, 2, 3],
        [0, 1, 2],
      ],
    ]);
  });

  test("topK replaces indices with labels", () => {
    const changes = {
      op: { kind: "topK", k: 2, labels: ["a", "b", "c"] },
      rowDims: [3],
      rowValues: 3,
    } as const;
    expect(write(changes, [1, 2, 3])).toEqual([[[3, 2]], [["c", "b"]]]);
  });

  test("topK gives the first k of a stable sort", () => {
    const scores = fc.array(fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constant(Number.NaN)), {
      minLength: 5,
      maxLength: 5,
    });
    fc.assert(
      fc.property(scores, fc.integer({ min: 1, max: 5 }), (values, k) => {
        const key = (index: number) => {
          const value = values[index] ?? 0;
          return Number.isNaN(value) ? Infinity : value;
        };
        const sorted = [0, 1, 2, 3, 4].sort((a, b) => (key(a) === key(b) ? a - b : key(b) - key(a)));
        const [, indices] = write(
          { op: { kind: "topK", k, labels: null }, rowDims: [5], rowValues: 5 },
          values,
        );
        expect(indices).toEqual([sorted.slice(0, k)]);
      }),
    );
  });
});

describe("probabilities", () => {
  const near = (expected: number) => expect.closeTo(expected, 6);

  test("softmax does not overflow, and sums to one", () => {
    const [rows] = write({ op: { kind: "softmax" } }, [1000, 1000, 0, Math.log(3), -1e30, -1e30]);
    expect(rows).toEqual([
      [near(0.5), near(0.5)],
      [near(0.25), near(0.75)],
      [near(0.5), near(0.5)],
    ]);
  });

  test("maxSoftmax is the greatest value of the softmax", () => {
    expect(write({ op: { kind: "maxSoftmax" } }, [0, Math.log(3), 1000, 0])).toEqual([[near(0.75), near(1)]]);
  });

  test("sigmoid does not overflow for very small or very large scores", () => {
    expect(write({ op: { kind: "sigmoid" } }, [0, Math.log(3), -1000, 1000])).toEqual([
      [
        [near(0.5), near(0.75)],
        [near(0), near(1)],
      ],
    ]);
    expect(write({ op: { kind: "sigmoid" }, rowDims: [], rowValues: 1, dtype: "float16" }, [0, 0])).toEqual([
      [0.5, 0.5],
    ]);
  });
});

describe("vectors", () => {
  const vector = { dims: 2, normalize: false, as: "float32" } as const;

  test.each([
    ["mean", [2, 3]],
    ["max", [3, 5]],
    ["cls", [1, 1]],
    ["last", [2, 3]],
  ] as const)("pooling by %s uses all positions of rows of one length", (pool, expected) => {
    const changes = {
      op: { kind: "pool", pool, positions: 3, vector },
      rowDims: [3, 2],
      rowValues: 6,
    } as const;
    expect(write(changes, [1, 1, 3, 5, 2, 3])).toEqual([[expected]]);
  });

  test("a row without positions becomes zeros, and a vector of zeros is not normalized", () => {
    const op = {
      kind: "pool",
      pool: "max",
      positions: null,
      vector: { ...vector, normalize: true },
    } as const;
    const writer = createOutputWriter(anOutput({ op, sequence: 0 }), 2);
    writer.open(unevenChunk(0, [0, 2]), 0);
    writer.write(tensorOf("float32", [2, 2, 2], [7, 7, 7, 7, 3, 0, 0, 4]), [
      { tensorRow: 0, rows: 2, place: 0 },
    ]);
    const rows = writer.columns.map((column) => plain(column.take([{ start: 0, end: 2 }])));
    expect(rows).toEqual([
      [
        [0, 0],
        [Math.fround(0.6), Math.fround(0.8)],
      ],
    ]);
  });

  test("int8 rounds ties to even, and bits are packed from the highest on", () => {
    const op = { kind: "raw", vector: { dims: 4, normalize: true, as: "int8" } } as const;
    expect(write({ op, rowDims: [4], rowValues: 4 }, [2, -2, 2, -2])).toEqual([[[64, -64, 64, -64]]]);
    const bits = { kind: "raw", vector: { dims: 9, normalize: false, as: "ubinary" } } as const;
    expect(write({ op: bits, rowDims: [9], rowValues: 9 }, [1, 0, -1, 2, 0, 0, 0, 3, 1e-9])).toEqual([
      [[0b10010001, 0b10000000]],
    ]);
  });
});

test("texts become columns of text or of lists of text, in the order of their rows", () => {
  for (const width of [1, 2]) {
    const rowDims = width === 1 ? [] : [width];
    const binding = anOutput({ dtype: "string", rowDims, rowValues: width });
    // Fewer places than rows, because a step may make more rows.
    const writer = createOutputWriter(binding, 1);
    writer.open(unevenChunk(0, [1, 1, 1, 1]), 0);
    const all = Array.from({ length: 4 * width }, (_, index) => (index === 1 ? "" : `text ${index} é`));
    const tensor = (from: number, to: number): TensorData => {
      const texts = all.slice(from * width, to * width);
      return { dtype: "string", dims: [to - from, ...rowDims], data: packTexts(texts) };
    };
    writer.write(tensor(2, 4), [{ tensorRow: 0, rows: 2, place: 2 }]);
    writer.write(tensor(0, 2), [{ tensorRow: 0, rows: 2, place: 0 }]);
    const [column] = writer.columns;
    const [first, rest] = [[{ start: 0, end: 1 }], [{ start: 2, end: 4 }]];
    const taken = [first, rest].flatMap((places) => (column === undefined ? [] : plain(column.take(places))));
    const rows = [0, 2, 3].map((row) => all.slice(row * width, (row + 1) * width));
    expect(taken).toEqual(width === 1 ? rows.flat() : rows);
  }
});

test("a missing tensor, or one of another shape or dtype, fails with MODEL_SHAPE", () => {
  const binding = anOutput({ rowDims: [2], rowValues: 2, declaredDims: ["n", ""] });
  const good = tensorOf("float32", [3, 2], [1, 2, 3, 4, 5, 6]);
  expect(checkTensor({ scores: good }, binding, { rows: 3, lengths: null })).toBe(good);
  for (const [found, tensor] of [
    ["float32[2, 3]", tensorOf("float32", [2, 3], [1, 2, 3, 4, 5, 6])],
    ["float64[3, 2]", tensorOf("float64", [3, 2], [1, 2, 3, 4, 5, 6])],
  ] as const) {
    expect(() => checkTensor({ scores: tensor }, binding, { rows: 3, lengths: null })).toThrowError(
      expect.objectContaining({
        code: "MODEL_SHAPE",
        message: `output scores: the model declares float32[n, ?], a batch of 3 rows should give float32[3, 2] and gave ${found}`,
        fields: { tensor: "scores", declared: "float32[n, ?]", expected: "float32[3, 2]", found },
      }),
    );
  }
  expect(() => checkTensor({}, binding, { rows: 3, lengths: null })).toThrowError(
    expect.objectContaining({ code: "MODEL_SHAPE" }),
  );
});
