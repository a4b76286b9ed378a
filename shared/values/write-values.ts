import {
  Binary,
  Bool,
  type Data,
  type DataType,
  DateDay,
  Field,
  FixedSizeList,
  Float,
  Int,
  List,
  makeData,
  Precision,
  Struct,
  TimestampMillisecond,
  Utf8,
} from "apache-arrow";
import { assert } from "../core/assert.ts";
import { encodeHalf } from "../core/float16.ts";
import { packBits } from "../dataset/bits.ts";
import type { NamedType, ScalarName, ValueType } from "./value-type.ts";

type Values = readonly unknown[];

const MS_OF_DAY = 86_400_000;
const MOST_BYTES = 2 ** 31 - 1;

export function arrowFieldOf({ name, type }: NamedType): Field {
  return new Field(name, arrowTypeOf(type), type.isNullable);
}

function arrowTypeOf({ shape }: ValueType): DataType {
  switch (shape.kind) {
    case "scalar":
      return scalarType(shape.name);
    case "list":
      return new List(arrowFieldOf({ name: "item", type: shape.item }));
    case "vector":
      return new FixedSizeList(shape.length, new Field("item", scalarType(shape.item), false));
    case "struct":
      return new Struct(shape.fields.map(arrowFieldOf));
  }
}

function scalarType(name: ScalarName): DataType {
  switch (name) {
    case "bool":
      return new Bool();
    case "string":
      return new Utf8();
    case "binary":
      return new Binary();
    case "date":
      return new DateDay();
    case "timestamp":
      return new TimestampMillisecond("UTC");
    case "float16":
      return new Float(Precision.HALF);
    case "float32":
      return new Float(Precision.SINGLE);
    case "float64":
      return new Float(Precision.DOUBLE);
    default: {
      const [, unsigned, bits] = /^(u?)int(\d+)$/.exec(name) ?? [];
      return new Int(unsigned === "", Number(bits) as 8);
    }
  }
}

/**
 * Builds a column from values that passed `checkValue`. The same values give the same bytes. Nulls are zeros,
 * also if the type has no nulls: there, a null marks a failed row.
 */
export function columnOf(values: Values, type: ValueType): Data {
  const { shape } = type;
  const arrow = arrowTypeOf(type);
  const validity = type.isNullable ? validityOf(values) : { nullCount: 0 };
  const made = { type: arrow, length: values.length, ...validity };
  const make = (parts: object): Data => makeData({ ...made, ...parts } as Parameters<typeof makeData>[0]);
  switch (shape.kind) {
    case "scalar":
      return make(scalarParts(values, shape.name, arrow));
    case "list": {
      const lists = values.map((value) => (value ?? []) as Values);
      return make({ valueOffsets: offsetsOf(lists), child: columnOf(lists.flat(), shape.item) });
    }
    case "vector": {
      const none: Values = new Array(shape.length).fill(null);
      const items = values.flatMap((value) => (value ?? none) as Values);
      const itemType = scalarType(shape.item);
      const child = makeData({
        type: itemType,
        length: items.length,
        nullCount: 0,
        ...scalarParts(items, shape.item, itemType),
      } as Parameters<typeof makeData>[0]);
      return make({ child });
    }
    case "struct": {
      const children = shape.fields.map(({ type: inner }, at) =>
        columnOf(
          values.map((value) => (value === null ? null : (value as Values)[at])),
          inner,
        ),
      );
      return make({ children });
    }
  }
}

function validityOf(values: Values) {
  const nullCount = values.reduce<number>((count, value) => count + (value === null ? 1 : 0), 0);
  if (nullCount === 0) return { nullCount };
  return { nullCount, nullBitmap: packBits(Uint8Array.from(values, (value) => (value === null ? 0 : 1))) };
}

function scalarParts(values: Values, name: ScalarName, { ArrayType }: DataType): object {
  if (name === "string") return bytesParts(values.map((value) => Buffer.from(String(value ?? ""))));
  if (name === "binary") return bytesParts(values.map((value) => (value ?? new Uint8Array()) as Uint8Array));
  if (name === "bool")
    return { data: packBits(Uint8Array.from(values, (value) => (value === true ? 1 : 0))) };
  return { data: ArrayType.from(values.map(numberWriter(name))) };
}

function numberWriter(name: ScalarName): (value: unknown) => unknown {
  switch (name) {
    case "int64":
    case "uint64":
      return (value) => value ?? 0n;
    case "timestamp":
      return (value) => BigInt(Number(value ?? 0));
    case "date":
      return (value) => Math.floor(Number(value ?? 0) / MS_OF_DAY);
    case "float16":
      return (value) => encodeHalf(Number(value ?? 0));
    default:
      return (value) => value ?? 0;
  }
}

function bytesParts(values: readonly Uint8Array[]): object {
  const valueOffsets = offsetsOf(values);
  const data = new Uint8Array(valueOffsets.at(-1) ?? 0);
  for (const [row, bytes] of values.entries()) data.set(bytes, valueOffsets[row]);
  return { valueOffsets, data };
}

function offsetsOf(values: readonly { readonly length: number }[]): Int32Array {
  const offsets = new Int32Array(values.length + 1);
  let at = 0;
  for (const [row, { length }] of values.entries()) {
    at += length;
    assert(at <= MOST_BYTES, "a column of a record batch has less than 2 GiB");
    offsets[row + 1] = at;
  }
  return offsets;
}
