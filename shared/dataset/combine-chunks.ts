import { type Data, DataType, makeData, Table } from "apache-arrow";
import { hasByteValues } from "./byte-types.ts";
import { combineDictionaries } from "./combine-dictionaries.ts";
import { quickSchema, recordBatchOf } from "./record-batch.ts";

/**
 * Combines the table into one record batch. The written bytes then depend on the rows alone, not on their
 * batches or the spare bytes of buffers. Copies columns buffer by buffer. Returns the table unchanged when a
 * type cannot be joined (unions, views).
 *
 * @throws {RangeError} when a column's values exceed its offsets: cut the table first
 */
export function combineChunks(table: Table): Table {
  const { schema, numRows: length } = table;
  if (table.batches.length === 0) return table;
  const children: Data[] = [];
  for (const [index, field] of schema.fields.entries()) {
    const parts = table.batches
      .map((batch) => batch.data.children[index])
      .filter((part) => part !== undefined);
    const joined = parts.length === table.batches.length ? combine(field.type, parts) : undefined;
    if (joined === undefined) return table;
    children.push(joined);
  }
  return new Table(quickSchema(schema), [recordBatchOf(schema, length, children)]);
}

/** Joins the pieces. Undefined: the type cannot be joined. */
function combine(type: DataType, parts: readonly Data[]): Data | undefined {
  const length = sum(parts.map((part) => part.length));
  if (DataType.isNull(type)) return makeData({ type, length });
  const nullCount = sum(parts.map((part) => part.nullCount));
  const nullBitmap = nullCount === 0 ? null : joinBits(parts.map(validityOf), length);
  const base = { type, length, nullCount, nullBitmap } as const;

  if (DataType.isUnion(type) || DataType.isUtf8View(type) || DataType.isBinaryView(type)) return undefined;
  if (DataType.isDictionary(type)) return combineDictionaries(type, parts, base);
  if (DataType.isBool(type)) {
    const data = joinBits(
      parts.map((part) => ({ bits: part.values, offset: part.offset, length: part.length })),
      length,
    );
    return makeData({ ...base, type, data });
  }
  if (DataType.isStruct(type)) {
    const children = type.children.map((field, index) =>
      combineChildren(field.type, parts, index, (part) => [0, part.length]),
    );
    return children.every((child) => child !== undefined) ? makeData({ ...base, type, children }) : undefined;
  }
  if (DataType.isFixedSizeList(type)) {
    const child = combineChildren(type.valueType, parts, 0, (part) => [0, part.length * type.listSize]);
    return child && makeData({ ...base, type, child });
  }
  if (DataType.isList(type) || DataType.isLargeList(type) || DataType.isMap(type)) {
    const child = combineChildren(type.children[0]?.type, parts, 0, offsetsSpan);
    const valueOffsets = joinOffsets(parts, length);
    return child && makeData({ ...base, type, valueOffsets, child } as Parameters<typeof makeData>[0]);
  }
  if (hasByteValues(type)) {
    const pieces = parts.map((part) => part.values.subarray(...offsetsSpan(part)));
    const valueOffsets = joinOffsets(parts, length);
    const data = joinValues(pieces);
    return makeData({ ...base, type, valueOffsets, data } as Parameters<typeof makeData>[0]);
  }
  const data = joinValues(parts.map((part) => part.values.subarray(0, part.length * part.stride)));
  return makeData({ ...base, type, data } as Parameters<typeof makeData>[0]);
}

function combineChildren(
  type: DataType | undefined,
  parts: readonly Data[],
  index: number,
  spanOf: (part: Data) => readonly [start: number, end: number],
): Data | undefined {
  if (type === undefined) return undefined;
  const children: Data[] = [];
  for (const part of parts) {
    const child = part.children[index];
    if (child === undefined) return undefined;
    const [start, end] = spanOf(part);
    children.push(start === 0 && end === child.length ? child : child.slice(start, end - start));
  }
  return combine(type, children);
}

/** Returns the start of the first row's value and the end of the last row's. */
function offsetsSpan({ length, valueOffsets }: Data): readonly [start: number, end: number] {
  return length === 0 ? [0, 0] : [Number(valueOffsets[0]), Number(valueOffsets[length])];
}

/** Largest offset: offsets of 32 bits are signed. */
const OFFSET_LIMIT = 2 ** 31 - 1;

/** @throws {RangeError} when 32-bit offsets would overflow, which would silently continue at -2^31 */
function joinOffsets(parts: readonly Data[], length: number): Int32Array | BigInt64Array {
  const isLarge = parts.some((part) => part.valueOffsets instanceof BigInt64Array);
  const end = sum(parts.map(offsetsSpan).map(([from, to]) => to - from));
  if (!isLarge && end > OFFSET_LIMIT)
    throw new RangeError(
      `${end} bytes or items are more than the ${OFFSET_LIMIT} of one record batch's column`,
    );
  const joined = isLarge ? new BigInt64Array(length + 1) : new Int32Array(length + 1);
  let row = 0;
  let shift = 0;
  for (const part of parts) {
    const [start, end] = offsetsSpan(part);
    shift -= start;
    for (let index = 1; index <= part.length; index += 1) {
      const offset = Number(part.valueOffsets[index]) + shift;
      joined[row + index] = isLarge ? BigInt(offset) : offset;
    }
    row += part.length;
    shift += end;
  }
  return joined;
}

type Values = Data["values"];

function joinValues(pieces: readonly Values[]): Values {
  const length = sum(pieces.map((piece) => piece.length));
  const [first] = pieces;
  const joined = new (first?.constructor ?? Uint8Array)(length);
  let offset = 0;
  for (const piece of pieces) {
    joined.set(piece, offset);
    offset += piece.length;
  }
  return joined;
}

interface Bits {
  /** Bits of the piece. Undefined: all ones. */
  readonly bits: Uint8Array | undefined;
  readonly offset: number;
  readonly length: number;
}

function validityOf({ nullBitmap, nullCount, offset, length }: Data): Bits {
  return { bits: nullCount > 0 ? nullBitmap : undefined, offset, length };
}

function joinBits(pieces: readonly Bits[], length: number): Uint8Array {
  const joined = new Uint8Array(Math.ceil(length / 8));
  let position = 0;
  for (const { bits, offset, length: pieceLength } of pieces) {
    const end = position + pieceLength;
    let from = offset;
    if (bits !== undefined && position % 8 === 0 && from % 8 === 0) {
      const wholeBytes = pieceLength >> 3;
      joined.set(bits.subarray(from >> 3, (from >> 3) + wholeBytes), position >> 3);
      position += wholeBytes * 8;
      from += wholeBytes * 8;
    }
    for (; position < end; position += 1, from += 1) {
      const isSet = bits === undefined || ((bits[from >> 3] ?? 0) & (1 << (from & 7))) !== 0;
      if (isSet) joined[position >> 3] = (joined[position >> 3] ?? 0) | (1 << (position & 7));
    }
  }
  return joined;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
