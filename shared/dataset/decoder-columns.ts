import { Data, DataType, type Field, type RecordBatch, type Schema } from "apache-arrow";
import { assert } from "../core/assert.ts";
import { hasByteValues } from "./byte-types.ts";
import { quickSchema, recordBatchOf } from "./record-batch.ts";

/**
 * Offsets of `struct ArrowArray` in WebAssembly's memory, where a pointer has four bytes. Arrow's C data
 * interface: https://arrow.apache.org/docs/format/CDataInterface.html#the-arrowarray-structure
 */
const ARROW_ARRAY = { length: 0, nullCount: 8, offset: 16, childCount: 32, buffers: 40, children: 44 };
const POINTER_BYTES = 4;

/** Alignment of every buffer: typed arrays of eight-byte elements need it. */
const ALIGNMENT = 8;

/** Makes a column of the new batch, once its bytes are in `target`. */
type ColumnIn = (target: ArrayBuffer) => Data;

/** Checks whether `copyColumns` supports a type. Unsupported: dictionaries, unions, views and a few more. */
export function isCopyable(type: DataType | undefined): boolean {
  if (type === undefined) return false;
  return (
    (hasValues(type) || isNested(type)) &&
    (type.children ?? []).every((child: Field) => isCopyable(child.type))
  );
}

/** Columns to keep of decoded batches, in the requested order. */
export interface ColumnChoice {
  /** Schema of the decoded batches. */
  readonly schema: Schema;
  readonly indices: readonly number[];
  /** Schema of the columns at `indices`. */
  readonly kept: Schema;
}

export function chooseColumns(decoded: Schema, indices: readonly number[]): ColumnChoice {
  const schema = quickSchema(decoded);
  return { schema, indices, kept: schema.selectAt([...indices]) };
}

/**
 * Copies columns of a decoded batch out of the decoder's memory, into one buffer.
 *
 * @param memory the decoder's current memory: a call into the decoder may move it
 * @param address address of the batch's `ArrowArray`
 * @param choice columns of copyable types
 * @returns null when a column starts inside its buffers, or has an unknown null count
 */
export function copyColumns(
  memory: ArrayBufferLike,
  address: number,
  { schema, indices, kept }: ColumnChoice,
): RecordBatch | null {
  const copy = new ColumnCopy(memory);
  const { length } = copy.arrayAt(address);
  const columns = indices.map((index) => copy.add(copy.childAt(address, index), schema.fields[index]?.type));
  if (copy.isCut) return null;
  const target = copy.run();
  const children = columns.map((columnIn) => columnIn(target));
  return recordBatchOf(kept, length, children);
}

/** Spans to copy. Collecting them first gives the size of the one buffer. */
class ColumnCopy {
  readonly #memory: ArrayBufferLike;
  readonly #view: DataView;
  readonly #spans: { readonly from: Uint8Array; readonly at: number }[] = [];
  #bytes = 0;
  /** True when an array starts inside its buffers, or has an unknown null count. */
  isCut = false;

  constructor(memory: ArrayBufferLike) {
    this.#memory = memory;
    this.#view = new DataView(memory);
  }

  arrayAt(address: number): { readonly length: number; readonly nullCount: number } {
    const length = this.#int64(address + ARROW_ARRAY.length);
    const nullCount = this.#int64(address + ARROW_ARRAY.nullCount);
    if (this.#int64(address + ARROW_ARRAY.offset) !== 0 || nullCount < 0) this.isCut = true;
    return { length, nullCount };
  }

  childAt(address: number, index: number): number {
    assert(index < this.#int64(address + ARROW_ARRAY.childCount), "an array has its type's children");
    return this.#pointer(this.#pointer(address + ARROW_ARRAY.children) + index * POINTER_BYTES);
  }

  add(address: number, type: DataType | undefined): ColumnIn {
    assert(type !== undefined, "a column has a type");
    const { length, nullCount } = this.arrayAt(address);
    const validity = nullCount === 0 ? null : this.#place(this.#bufferAt(address, 0), Math.ceil(length / 8));
    const { offsets, values } = this.#addBuffers(address, type, length);
    const children = (type.children ?? []).map((field: Field, index: number) =>
      this.add(this.childAt(address, index), field.type),
    );
    return (target) => {
      const bits = validity === null ? undefined : new Uint8Array(target, validity, Math.ceil(length / 8));
      const buffers = [offsets?.(target), values?.(target), bits, undefined];
      return new Data(
        type,
        0,
        length,
        nullCount,
        buffers as never,
        children.map((child) => child(target)),
      );
    };
  }

  /** Copies all spans into one buffer, without clearing it first: each byte that is read later is written. */
  run(): ArrayBuffer {
    const { buffer } = Buffer.allocUnsafeSlow(this.#bytes);
    const bytes = new Uint8Array(buffer);
    for (const { from, at } of this.#spans) bytes.set(from, at);
    return buffer;
  }

  #addBuffers(address: number, type: DataType, length: number): BuffersIn {
    if (DataType.isBool(type))
      return { values: this.#addArray(address, 1, Uint8Array, Math.ceil(length / 8)) };
    if (!hasOffsets(type)) {
      if (isNested(type)) return {};
      const { ArrayType, stride } = new Data(type, 0, 0);
      return { values: this.#addArray(address, 1, ArrayType, length * stride) };
    }
    const isLarge = DataType.isLargeUtf8(type) || DataType.isLargeBinary(type) || DataType.isLargeList(type);
    const offsets = this.#addArray(address, 1, isLarge ? BigInt64Array : Int32Array, length + 1);
    if (isNested(type)) return { offsets };
    const last = this.#bufferAt(address, 1) + length * (isLarge ? 8 : 4);
    const end = isLarge ? this.#int64(last) : this.#view.getInt32(last, true);
    return { offsets, values: this.#addArray(address, 2, Uint8Array, end) };
  }

  /** Adds buffer `index` of an array: `count` elements of a typed array. */
  #addArray(address: number, index: number, arrayType: unknown, count: number): ArrayIn {
    // Arrow types its buffers by column type, which is known only at run time here.
    const Values = arrayType as {
      new (buffer: ArrayBuffer, at: number, count: number): ArrayBufferView;
      BYTES_PER_ELEMENT: number;
    };
    const at = this.#place(this.#bufferAt(address, index), count * Values.BYTES_PER_ELEMENT);
    return (target) => new Values(target, at, count);
  }

  /** @throws {RangeError} when the bytes lie outside the decoder's memory */
  #place(address: number, bytes: number): number {
    const at = this.#bytes;
    this.#spans.push({ from: new Uint8Array(this.#memory, address, bytes), at });
    this.#bytes += Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
    return at;
  }

  #bufferAt(address: number, index: number): number {
    return this.#pointer(this.#pointer(address + ARROW_ARRAY.buffers) + index * POINTER_BYTES);
  }

  #pointer(address: number): number {
    return this.#view.getUint32(address, true);
  }

  #int64(address: number): number {
    return Number(this.#view.getBigInt64(address, true));
  }
}

type ArrayIn = (target: ArrayBuffer) => ArrayBufferView;
interface BuffersIn {
  readonly offsets?: ArrayIn;
  readonly values?: ArrayIn;
}

/** Checks whether a type has one buffer of values, whose width follows from the type or from offsets. */
function hasValues(type: DataType): boolean {
  return (
    DataType.isInt(type) ||
    DataType.isFloat(type) ||
    DataType.isBool(type) ||
    DataType.isDate(type) ||
    DataType.isTime(type) ||
    DataType.isTimestamp(type) ||
    DataType.isFixedSizeBinary(type) ||
    hasByteValues(type)
  );
}

function isNested(type: DataType): boolean {
  return DataType.isStruct(type) || DataType.isFixedSizeList(type) || isList(type);
}

function isList(type: DataType): boolean {
  return DataType.isList(type) || DataType.isLargeList(type);
}

function hasOffsets(type: DataType): boolean {
  return hasByteValues(type) || isList(type);
}
