import {
  type Field as ArrowField,
  Bool,
  type Data,
  DataType,
  type FixedSizeList,
  makeData,
  Utf8,
} from "apache-arrow";
import { assert } from "../../shared/core/assert.ts";
import { packBits } from "../../shared/dataset/bits.ts";
import type { Field, NumericType } from "../../shared/domain/dataset.ts";
import { DTYPE_ARRAYS, type DtypeArray } from "../../shared/domain/tensor.ts";
import type { RowRange } from "../tensorize/input-chunk.ts";
import { arrowField } from "./arrow-fields.ts";

/** Adjacent rows of a tensor that are also adjacent in the shard. */
export interface Placement {
  readonly tensorRow: number;
  readonly rows: number;
  /** First of the rows in the shard. */
  readonly place: number;
}

/** Column that is made of tensors: written in any order, taken in the order of rows. */
export interface MadeColumn {
  readonly field: ArrowField;
  /** Most offset bytes of a row. 0: the data has no offsets, or is already in memory. */
  readonly mostOffsetBytes: number;
  /** Returns the bytes of a written row. Undefined: the data is already in memory, or of known size. */
  bytesOf?(place: number): number;
  /**
   * Takes the next rows of the column: `places` are written rows of one chunk, in ascending order, at least
   * one. Earlier rows cannot be taken again.
   */
  take(places: readonly RowRange[]): Data;
}

/**
 * Made column with a fixed number of values in each row. One typed array stores `width` values for each row,
 * at the row's place in the shard. The Arrow data uses the same memory.
 */
export class OutputColumn<Values extends DtypeArray = DtypeArray> implements MadeColumn {
  readonly field: ArrowField;
  readonly width: number;
  /** Values, with room for all rows known so far. */
  values: Values;
  readonly mostOffsetBytes: number;
  readonly #flat: FlatData;
  #rowsTaken = 0;

  /** @param values room for the rows of the shard. With labels, the values are indices into them. */
  constructor(field: Field, values: Values, width: number, labels: readonly string[] | null = null) {
    this.field = arrowField(field);
    this.width = width;
    this.values = values;
    const { flat, longest } = flatOf(labels);
    this.#flat = flat;
    this.mostOffsetBytes = width * longest;
  }

  /**
   * Makes room for `rows` rows. A step may increase the rows of a shard. Data taken before keeps its memory.
   *
   * @returns true when `values` is a new array
   */
  reserve(rows: number): boolean {
    const { values } = this;
    this.values = grown(values, rows * this.width);
    return this.values !== values;
  }

  /** Takes rows. Dead letters leave gaps between the places, so later rows move up in the same memory. */
  take(places: readonly RowRange[]): Data {
    const { type } = this.field;
    const from = this.#rowsTaken;
    this.#rowsTaken = moveUp(this.values, this.width, places, from);
    const values = this.values.subarray(from * this.width, this.#rowsTaken * this.width);
    return cellData(type, this.#rowsTaken - from, values, this.#flat);
  }
}

/** Returns `values` if it has room for `count`, else a larger array with a copy. */
export function grown<Values extends DtypeArray>(values: Values, count: number): Values {
  if (count <= values.length) return values;
  const larger = new (values.constructor as new (length: number) => Values)(
    Math.max(count, 2 * values.length),
  );
  larger.set(values as never);
  return larger;
}

/** Moves the rows of `places` up to row `to`, one run after another. Returns the row behind the last. */
export function moveUp(values: DtypeArray, width: number, places: readonly RowRange[], to: number): number {
  let at = to;
  for (const { start, end } of places) {
    if (start !== at) values.copyWithin(at * width, start * width, end * width);
    at += end - start;
  }
  return at;
}

/** Returns `length` cells of equal size, scalars or fixed-size lists, whose values are contiguous. */
export function cellData(
  type: DataType,
  length: number,
  values: DtypeArray,
  flat: FlatData = flatData,
): Data {
  if (!DataType.isFixedSizeList(type)) return flat(type, values);
  return makeData<FixedSizeList>({ type, length, nullCount: 0, child: flat(type.valueType, values) });
}

/** Converts contiguous values to a column. */
export type FlatData = (type: DataType, values: DtypeArray) => Data;

/**
 * Returns how values become a column, and the bytes of the longest label. With labels, values are indices
 * into them.
 */
export function flatOf(labels: readonly string[] | null): {
  readonly flat: FlatData;
  readonly longest: number;
} {
  if (labels === null) return { flat: flatData, longest: 0 };
  const encoder = new TextEncoder();
  const encoded = labels.map((label) => encoder.encode(label));
  const longest = encoded.reduce((most, { length }) => Math.max(most, length), 0);
  return { flat: (_type, values) => labelData(encoded, values), longest };
}

function flatData(type: DataType, values: DtypeArray): Data {
  const { length } = values;
  if (type instanceof Bool && values instanceof Uint8Array)
    return makeData({ type, length, nullCount: 0, data: packBits(values) });
  return makeData({ type, length, nullCount: 0, data: values } as Parameters<typeof makeData>[0]);
}

/** Returns room for `count` values of `type`, in the memory layout of the column. */
export function columnValues(type: NumericType, count: number): DtypeArray {
  return new DTYPE_ARRAYS[type](count);
}

/**
 * Copies elements `[from, to)` to `target`, from its element `at` on. Source and target have the same dtype.
 */
export function copyElements(
  source: ArrayBuffer,
  from: number,
  to: number,
  target: DtypeArray,
  at: number,
): void {
  const width = target.BYTES_PER_ELEMENT;
  const bytes = (to - from) * width;
  new Uint8Array(target.buffer, target.byteOffset + at * width, bytes).set(
    new Uint8Array(source, from * width, bytes),
  );
}

function labelData(labels: readonly Uint8Array[], indices: DtypeArray): Data {
  assert(indices instanceof Int32Array, "labels are chosen by int32 indices");
  const valueOffsets = new Int32Array(indices.length + 1);
  let total = 0;
  for (let row = 0; row < indices.length; row += 1) {
    total += labels[indices[row] ?? 0]?.length ?? 0;
    valueOffsets[row + 1] = total;
  }
  const bytes = new Uint8Array(total);
  for (let row = 0; row < indices.length; row += 1) {
    const label = labels[indices[row] ?? 0];
    if (label !== undefined) bytes.set(label, valueOffsets[row] ?? 0);
  }
  return makeData({ type: new Utf8(), length: indices.length, nullCount: 0, valueOffsets, data: bytes });
}
