import {
  Binary,
  type Data,
  type DataType,
  DateDay,
  Decimal,
  Field,
  FixedSizeBinary,
  List,
  Map_,
  makeData,
  Struct,
  TimeMicrosecond,
  TimestampMicrosecond,
  Utf8,
} from "apache-arrow";
import { ARROW_NUMBERS } from "../../shared/dataset/arrow-numbers.ts";
import { bitmapBytes } from "../../shared/dataset/bits.ts";
import { gather } from "../../shared/dataset/gather.ts";
import type { FieldType } from "../../shared/domain/dataset.ts";

/** Returns the Arrow type of a table's type. */
export function arrowTypeOf(type: FieldType): DataType {
  switch (type.kind) {
    case "numeric":
      return ARROW_NUMBERS[type.type]();
    case "string":
      return new Utf8();
    case "binary":
      return new Binary();
    case "date":
      return new DateDay();
    case "timestamp":
      return new TimestampMicrosecond(type.zone);
    case "time":
      return new TimeMicrosecond();
    case "fixedBinary":
      return new FixedSizeBinary(type.bytes);
    case "decimal":
      return new Decimal(type.scale, type.precision, 128);
    case "list":
      return new List(new Field("element", arrowTypeOf(type.item), true));
    case "struct":
      return new Struct(type.fields.map(({ name, type: own }) => new Field(name, arrowTypeOf(own), true)));
    case "map": {
      const pair = [
        new Field("key", arrowTypeOf(type.key), false),
        new Field("value", arrowTypeOf(type.value), true),
      ];
      return new Map_(new Field("entries", new Struct(pair as never), false) as never);
    }
    default:
      throw new Error(`broken invariant: no column of a lake table is of type ${type.kind}`);
  }
}

/** Returns a column's only value `rows` times. It is a text in the form of statistics. */
export function constantColumn(type: FieldType, value: string | null, rows: number): Data {
  const arrow = arrowTypeOf(type);
  if (value === null) return gather(arrow, [{ data: null, start: 0, end: rows }]);
  const made = (data: unknown) => makeData({ type: arrow, length: rows, nullCount: 0, data } as never);
  switch (type.kind) {
    case "numeric":
      return made(numbers(type.type, value, rows));
    case "date":
      return made(new Int32Array(rows).fill(Number(value)));
    case "timestamp":
      return made(new BigInt64Array(rows).fill(BigInt(value)));
    case "decimal":
      return made(decimals(BigInt(value), rows));
    default: {
      const text = Buffer.from(value);
      const data = new Uint8Array(text.length * rows);
      if (data.length > 0) Buffer.from(data.buffer).fill(text);
      const valueOffsets = Int32Array.from({ length: rows + 1 }, (_, row) => row * text.length);
      return makeData({ type: arrow, length: rows, nullCount: 0, valueOffsets, data } as never);
    }
  }
}

const ARRAYS = {
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  float32: Float32Array,
  float64: Float64Array,
} as const;

function numbers(type: string, value: string, rows: number) {
  if (type === "int64") return new BigInt64Array(rows).fill(BigInt(value));
  if (type === "bool") return new Uint8Array(bitmapBytes(rows)).fill(value === "1" ? 0xff : 0);
  return new ARRAYS[type as keyof typeof ARRAYS](rows).fill(Number(value));
}

/** Decimals are 128 bits in two's complement, as four words of 32 bits, the least first. */
function decimals(value: bigint, rows: number): Uint32Array {
  const words = [0n, 32n, 64n, 96n].map((shift) => Number(BigInt.asUintN(32, value >> shift)));
  return Uint32Array.from({ length: 4 * rows }, (_, at) => words[at % 4] ?? 0);
}
