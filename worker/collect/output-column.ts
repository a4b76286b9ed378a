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

/** Rows of a tensor that lie side by side in the shard, too. */
export interface Placement {
  readonly tensorRow: number;
  readonly rows: number;
  /** The first of them in the shard. */
  readonly place: number;
}

/** A column that is made of tensors: written in any order, given out in the order of the rows. */
export interface MadeColumn {
  readonly field: ArrowField;
  /**
   * Bytes that the offsets of one row count, at most: 0 where what is given out has none, or lies in memory
   * already.
   */
  readonly mostOffsetBytes: number;
  /**
   * The next rows of the column: those in `places` (rows of the shard, ascending, one at least, of one
   * chunk), all of them written. What lies before the last of them is not asked for again.
   */
  take(places: readonly RowRange[]): Data;
}

/**
 * A made column with as many values in each row: side by side in one typed array, `width` of them a row, each
 * row in its place in the shard, and then given out as Arrow data over the same memory.
 */
export class OutputColumn<Values extends DtypeArray = DtypeArray> implements MadeColumn {
  readonly field: ArrowField;
  readonly width: number;
  /** Room for the rows that are known to come. */
  values: Values;
  readonly mostOffsetBytes: number;
  readonly #flat: FlatData;
  #rowsTaken = 0;

  /** @param values room for the rows of the shard; with labels, indices into them */
  constructor(field: Field, values: Values, width: number, labels: readonly string[] | null = null) {
    this.field = arrowField(field);
    this.width = width;
    this.values = values;
    const { flat, longest } = flatOf(labels);
    this.#flat = flat;
    this.mostOffsetBytes = width * longest;
  }

  /**
   * Makes room for `rows` rows: a step may make more of a shard's rows than there were. What was given out
   * stays where it is.
   *
   * @returns whether `values` is another array now
   */
  reserve(rows: number): boolean {
    const { values } = this;
    this.values = grown(values, rows * this.width);
    return this.values !== values;
  }

  /** Rows that are dead leave gaps between the places: those behind them move up, in the same memory. */
  take(places: readonly RowRange[]): Data {
    const { type } = this.field;
    const from = this.#rowsTaken;
    this.#rowsTaken = moveUp(this.values, this.width, places, from);
    const values = this.values.subarray(from * this.width, this.#rowsTaken * this.width);
    return cellData(type, this.#rowsTaken - from, values, this.#flat);
  }
}

/** `values` if it has room for `count`, else a larger array with the same at its start. */
export function grown<Values extends DtypeArray>(values: Values, count: number): Values {
  if (count <= values.length) return values;
  const larger = new (values.constructor as new (length: number) => Values)(
    Math.max(count, 2 * values.length),
  );
  larger.set(values as never);
  return larger;
}

/** Moves the rows of `places` up to row `to`, one run after the other; gives the row behind the last. */
export function moveUp(values: DtypeArray, width: number, places: readonly RowRange[], to: number): number {
  let at = to;
  for (const { start, end } of places) {
    if (start !== at) values.copyWithin(at * width, start * width, end * width);
    at += end - start;
  }
  return at;
}

/** `length` cells of the same size, a scalar or a list of fixed size each, whose values lie side by side. */
export function cellData(
  type: DataType,
  length: number,
  values: DtypeArray,
  flat: FlatData = flatData,
): Data {
  if (!DataType.isFixedSizeList(type)) return flat(type, values);
  return makeData<FixedSizeList>({ type, length, nullCount: 0, child: flat(type.valueType, values) });
}

/** Values side by side as a column of their own. */
export type FlatData = (type: DataType, values: DtypeArray) => Data;

/** What a column's values become: with labels they are indices into them. And the longest label's bytes. */
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

/** Room for `count` values of `type`, in the memory layout of the column. */
export function columnValues(type: NumericType, count: number): DtypeArray {
  return new DTYPE_ARRAYS[type](count);
}

/**
 * Copies elements `[from, to)` to `target` from its element `at` on. Both are of one dtype; as bytes they are
 * copied whatever it is.
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
