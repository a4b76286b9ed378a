import {
  type Data,
  type DataType,
  DateDay,
  Field,
  List,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  TimestampMicrosecond,
  Utf8,
} from "apache-arrow";
import { ShardmillError } from "../../../shared/core/errors.ts";
import { ARROW_NUMBERS } from "../../../shared/dataset/arrow-numbers.ts";
import { packBits } from "../../../shared/dataset/bits.ts";
import { encodeArrow } from "../../../shared/dataset/encode.ts";
import type { FieldType } from "../../../shared/domain/dataset.ts";
import type { MessageColumns, MessageRow } from "./messages/read-message.ts";
import type { Value } from "./messages/values.ts";

/**
 * Encodes rows of messages as an Arrow file. Equal rows give equal bytes.
 *
 * @throws {OUTPUT_FAILED} when a column exceeds Arrow's limit of 2 GiB
 */
export function rowsFile(columns: MessageColumns, rows: readonly MessageRow[]): Uint8Array {
  const fields = [...columns].map(([name, type]) => new Field(name, arrowType(type), true));
  const children = [...columns.values()].map((type, index) =>
    columnOf(
      type,
      rows.map((row) => row[index] ?? null),
    ),
  );
  const data = makeData({ type: new Struct(fields), length: rows.length, nullCount: 0, children });
  const schema = new Schema(fields);
  return encodeArrow(new Table(schema, [new RecordBatch(schema, data)]));
}

function arrowType(type: FieldType): DataType {
  if (type.kind === "list") return new List(new Field("item", arrowType(type.item), true));
  if (type.kind === "string") return new Utf8();
  if (type.kind === "date") return new DateDay();
  if (type.kind === "timestamp") return new TimestampMicrosecond();
  if (type.kind === "numeric") return ARROW_NUMBERS[type.type]();
  throw new Error(`broken invariant: no message has a column of ${type.kind}`);
}

/** Builds a column. Nulls are stored as zeros, so equal values give equal bytes. */
function columnOf(type: FieldType, values: readonly Value[]): Data {
  const shape = { type: arrowType(type), length: values.length, ...validityOf(values) };
  const make = (parts: object): Data => makeData({ ...shape, ...parts } as Parameters<typeof makeData>[0]);
  if (type.kind === "list") {
    const lists = values.map((value) => (Array.isArray(value) ? (value as readonly Value[]) : []));
    return make({
      valueOffsets: offsetsOf(lists.map(({ length }) => length)),
      child: columnOf(type.item, lists.flat(1)),
    });
  }
  if (type.kind === "string") {
    const texts = values.map((value) => Buffer.from(String(value ?? "")));
    return make({
      valueOffsets: offsetsOf(texts.map(({ length }) => length)),
      data: new Uint8Array(Buffer.concat(texts)),
    });
  }
  if (type.kind === "numeric" && type.type === "bool")
    return make({ data: packBits(Uint8Array.from(values, (value) => (value === true ? 1 : 0))) });
  const { ArrayType } = shape.type;
  const zero = ArrayType === BigInt64Array || ArrayType === BigUint64Array ? 0n : 0;
  return make({ data: ArrayType.from(values.map((value) => value ?? zero)) });
}

function validityOf(values: readonly Value[]): { nullCount: number; nullBitmap?: Uint8Array } {
  const nullCount = values.reduce<number>((count, value) => count + (value === null ? 1 : 0), 0);
  if (nullCount === 0) return { nullCount };
  return { nullCount, nullBitmap: packBits(Uint8Array.from(values, (value) => (value === null ? 0 : 1))) };
}

const MOST_OFFSET = 2 ** 31 - 1;

/** Returns the start of each value, and the end of the last one. */
function offsetsOf(lengths: readonly number[]): Int32Array {
  const offsets = new Int32Array(lengths.length + 1);
  let at = 0;
  for (const [index, length] of lengths.entries()) {
    at += length;
    if (at > MOST_OFFSET)
      throw new ShardmillError("OUTPUT_FAILED", "a column of a window is larger than 2 GiB", {
        hint: "set trigger.window.bytes lower",
      });
    offsets[index + 1] = at;
  }
  return offsets;
}
