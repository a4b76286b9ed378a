import {
  type Data,
  type DataType,
  Field,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  vectorFromArray,
} from "apache-arrow";
import type { InputBinding, NumberBinding } from "../../shared/domain/map-binding.ts";
import { dtypeBytes } from "../../shared/domain/tensor.ts";
import {
  badRows,
  fillRows,
  type InputColumns,
  openInputs,
  tensorArray,
} from "../../worker/tensorize/tensorize.ts";
import { decodeHalf } from "./decode-half.ts";

/** Returns a record batch of columns by name. */
export function batchOf(columns: Readonly<Record<string, Data>>): RecordBatch {
  const entries = Object.entries(columns);
  const schema = new Schema(entries.map(([name, { type }]) => new Field(name, type, true)));
  const length = entries[0]?.[1].length ?? 0;
  const children = entries.map(([, data]) => data);
  return new RecordBatch(
    schema,
    makeData({ type: new Struct(schema.fields), length, nullCount: 0, children }),
  );
}

/** Returns a column as Arrow's own builders make it. */
export function column(values: readonly unknown[], type: DataType): Data {
  const data = vectorFromArray(values, type).data[0];
  if (data === undefined) throw new Error("no data");
  return data;
}

/** Returns the float32 scalar input `x` from column `c`, except for `changes`. */
export function aBinding(changes: Partial<InputBinding> = {}): InputBinding {
  return {
    tensor: "x",
    dtype: "float32",
    rowDims: [],
    rowValues: 1,
    source: { kind: "one", column: "c" },
    scale: 1,
    offset: 0,
    fill: null,
    rowShape: { kind: "even" },
    batchAxis: 0,
    ...changes,
  };
}

/** Narrows an input to one of numbers. */
export function numbersOf(input: InputColumns): InputColumns<NumberBinding> {
  const { binding } = input;
  if (binding.dtype === "string") throw new Error("an input of texts");
  return { ...input, binding };
}

/** Returns the good rows as numbers (bigints for 64-bit dtypes), and the codes of the bad ones by row. */
export function tensorize(batch: RecordBatch, binding: InputBinding) {
  const inputs = openInputs(batch, [binding]);
  const bad = badRows(inputs);
  const good = Array.from({ length: batch.numRows }, (_, row) => row).filter((row) => !bad.has(row));
  const [input] = inputs;
  if (input === undefined) throw new Error("no input");
  const bytes = good.length * binding.rowValues * dtypeBytes(numbersOf(input).binding.dtype);
  const array = tensorArray(numbersOf(input).binding.dtype, new ArrayBuffer(bytes));
  // Ranges of good rows, like the runs of a chunk.
  let start = 0;
  while (start < good.length) {
    let end = start + 1;
    while (end < good.length && good[end] === (good[end - 1] ?? 0) + 1) end += 1;
    fillRows(numbersOf(input), good[start] ?? 0, (good[end - 1] ?? 0) + 1, array, start);
    start = end;
  }
  const values = Array.from(array as ArrayLike<number | bigint>);
  return {
    values: binding.dtype === "float16" ? values.map((bits) => decodeHalf(Number(bits))) : values,
    bad: Object.fromEntries([...bad].map(([row, { code }]) => [row, code])),
    messages: [...bad.values()].map(({ message }) => message),
  };
}
