import { type Data, Vector } from "apache-arrow";
import { expect, test } from "vitest";
import type { OutputBinding } from "../../../../shared/domain/map-binding.ts";
import { product, type TensorData } from "../../../../shared/domain/tensor.ts";
import { checkTensor, createOutputWriter } from "../../../../worker/collect/output-writer.ts";

function aBinding(parts: Partial<OutputBinding>): OutputBinding {
  return {
    column: "y",
    tensor: "t",
    dtype: "float32",
    rowDims: [],
    rowValues: 1,
    sequence: null,
    open: { dims: [null], lengths: null },
    batchAxis: 0,
    declaredDims: [],
    op: { kind: "raw" },
    ...parts,
  };
}

function counted(dims: readonly number[], first = 0): TensorData {
  const data = Float32Array.from({ length: product(dims) }, (_, index) => first + index);
  return { dtype: "float32", dims, data: data.buffer };
}

function lengthsOf(values: readonly bigint[]): TensorData {
  return { dtype: "int64", dims: [values.length], data: BigInt64Array.from(values).buffer };
}

const plain = (data: Data): unknown => JSON.parse(JSON.stringify(new Vector([data])));
const at = (place: number, rows = 1) => [{ tensorRow: 0, rows, place }];

test("each row keeps the sizes of its own tensor, written in any order and with gaps", () => {
  const writer = createOutputWriter(aBinding({ open: { dims: [null, 1, null], lengths: null } }), 4);
  writer.write(counted([1, 2, 1, 3]), at(3));
  writer.write(counted([1, 0, 1, 5]), at(0));
  writer.write(counted([1, 3, 1, 0]), at(1));
  const [column] = writer.columns;
  expect(column?.bytesOf?.(3)).toBe(6 * 4 + 2 * 4);
  const places = [
    { start: 0, end: 2 },
    { start: 3, end: 4 },
  ];
  expect(column === undefined ? null : plain(column.take(places))).toEqual([
    [],
    [[], [], []],
    [
      [0, 1, 2],
      [3, 4, 5],
    ],
  ]);
});

test("with lengths, the rows of a batch lose what was added for longer rows", () => {
  const open = { dims: [null], lengths: "count" };
  const writer = createOutputWriter(aBinding({ open, rowDims: [2], rowValues: 2 }), 3);
  writer.write(counted([3, 3, 2]), at(0, 3), { count: lengthsOf([1n, 3n, 0n]) });
  const [column] = writer.columns;
  expect(column === undefined ? null : plain(column.take([{ start: 0, end: 3 }]))).toEqual([
    [[0, 1]],
    [
      [6, 7],
      [8, 9],
      [10, 11],
    ],
    [],
  ]);
});

test("an output without a batch is checked as one row", () => {
  const binding = aBinding({ batchAxis: null, open: { dims: [null, null], lengths: null } });
  const ran = { rows: 1, lengths: null };
  expect(checkTensor({ t: counted([4, 5]) }, binding, ran).dims).toEqual([1, 4, 5]);
  expect(() => checkTensor({ t: counted([4]) }, binding, ran)).toThrow("float32[?, ?]");
});
