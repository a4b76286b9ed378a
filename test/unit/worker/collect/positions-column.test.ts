import { Vector } from "apache-arrow";
import { expect, test } from "vitest";
import { outputFields } from "../../../../shared/domain/output-fields.ts";
import { DTYPE_ARRAYS, DTYPES, type Dtype, type TensorData } from "../../../../shared/domain/tensor.ts";
import { arrowField } from "../../../../worker/collect/arrow-fields.ts";
import { checkTensor, createOutputWriter } from "../../../../worker/collect/output-writer.ts";
import { anOutput } from "../../../support/shard-job.ts";
import { unevenChunk } from "../../../support/uneven-model.ts";

function tensorOf(dtype: Dtype, dims: readonly number[], values: readonly number[]): TensorData {
  const array = new DTYPE_ARRAYS[dtype](values.length);
  values.forEach((value, at) => {
    if (array instanceof BigInt64Array || array instanceof BigUint64Array) array[at] = BigInt(value);
    else array[at] = value;
  });
  return { dtype, dims, data: array.slice().buffer };
}

const plain = (value: unknown): unknown => (value instanceof Vector ? Array.from(value, plain) : value);
const cells = (data: ConstructorParameters<typeof Vector>[0]) => Array.from(new Vector(data), plain);

test.each(DTYPES.filter((dtype) => dtype !== "float16"))("%s: each row keeps its own positions", (dtype) => {
  const binding = anOutput({ dtype, rowDims: [], rowValues: 1, sequence: 0 });
  const writer = createOutputWriter(binding, 3);
  writer.open(unevenChunk(0, [2, 0, 3]), 0);
  writer.write(
    tensorOf(
      dtype,
      [3, 4],
      [1, 0, 1, 9, 1, 0, 9, 9, 9, 9, 9, 9].map((v) => v % 2),
    ),
    [
      { tensorRow: 0, rows: 1, place: 2 },
      { tensorRow: 1, rows: 1, place: 0 },
      { tensorRow: 2, rows: 1, place: 1 },
    ],
  );
  const [column] = writer.columns;
  const [field] = outputFields({ keep: [], outputs: [binding] }).map(arrowField);
  expect(`${column?.field}`).toBe(`${field}`);
  const as = (v: number) =>
    dtype === "bool" ? v === 1 : dtype === "int64" || dtype === "uint64" ? BigInt(v) : v;
  const data = column?.take([{ start: 0, end: 3 }]);
  expect(data === undefined ? null : cells([data])).toEqual([[1, 0].map(as), [], [1, 0, 1].map(as)]);
});

test("positions of several values become lists of lists, without gaps for failed rows", () => {
  const binding = anOutput({ rowDims: [2], rowValues: 2, sequence: 0 });
  const writer = createOutputWriter(binding, 5);
  writer.open(unevenChunk(10, [1, 2, 1]), 0);
  writer.open(unevenChunk(13, [2, 1]), 3);
  const tensor = tensorOf(
    "float32",
    [5, 2, 2],
    Array.from({ length: 20 }, (_, at) => at),
  );
  // The rows of both chunks in one batch. The second row of the first was run, but still failed.
  writer.write(tensor, [
    { tensorRow: 0, rows: 2, place: 3 },
    { tensorRow: 2, rows: 3, place: 0 },
  ]);
  const [column] = writer.columns;
  const first = column?.take([
    { start: 0, end: 1 },
    { start: 2, end: 3 },
  ]);
  expect(first === undefined ? null : cells([first])).toEqual([[[8, 9]], [[16, 17]]]);
  const second = column?.take([{ start: 3, end: 5 }]);
  expect(second === undefined ? null : cells([second])).toEqual([
    [
      [0, 1],
      [2, 3],
    ],
    [[4, 5]],
  ]);
});

test("the rows of a chunk can be taken in several pieces, or not at all", () => {
  const binding = anOutput({ rowDims: [], rowValues: 1, sequence: 0 });
  const writer = createOutputWriter(binding, 6);
  writer.open(unevenChunk(0, [1]), 0);
  writer.open(unevenChunk(1, [2, 1, 0, 2]), 1);
  const tensor = tensorOf(
    "float32",
    [4, 2],
    Array.from({ length: 8 }, (_, at) => at),
  );
  writer.write(tensor, [{ tensorRow: 0, rows: 4, place: 1 }]);
  const [column] = writer.columns;
  const pieces = [[{ start: 1, end: 2 }], [{ start: 3, end: 5 }]].map((places) => column?.take(places));
  expect(pieces.map((piece) => (piece === undefined ? null : cells([piece])))).toEqual([
    [[0, 1]],
    [[], [6, 7]],
  ]);
});

test("a tensor without the padded length of its batch fails with MODEL_SHAPE", () => {
  const binding = anOutput({ rowDims: [2], rowValues: 2, sequence: 0 });
  const tensor = tensorOf("float32", [1, 3, 2], [1, 2, 3, 4, 5, 6]);
  expect(checkTensor({ scores: tensor }, binding, { rows: 1, lengths: [3] })).toBe(tensor);
  expect(() => checkTensor({ scores: tensor }, binding, { rows: 1, lengths: [4] })).toThrowError(
    expect.objectContaining({
      code: "MODEL_SHAPE",
      fields: {
        tensor: "scores",
        declared: "float32[n, s, 2]",
        expected: "float32[1, 4, 2]",
        found: "float32[1, 3, 2]",
      },
    }),
  );
});
