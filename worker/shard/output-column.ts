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
import type { Field, NumericType } from "../../shared/domain/dataset.ts";
import { DTYPE_ARRAYS, type DtypeArray } from "../../shared/domain/tensor.ts";
import { arrowField } from "./arrow-fields.ts";
import { packBits } from "./bits.ts";

/**
 * One made column of a shard: its values side by side in one typed array, `width` of them a row, filled in row order and
 * then given out as Arrow data over the same memory.
 */
export class OutputColumn<Values extends DtypeArray = DtypeArray> {
  readonly field: ArrowField;
  readonly width: number;
  readonly values: Values;
  readonly #labels: readonly Uint8Array[] | null;

  /** @param values room for all rows of the shard; with labels, indices into them */
  constructor(field: Field, values: Values, width: number, labels: readonly string[] | null = null) {
    this.field = arrowField(field);
    this.width = width;
    this.values = values;
    const encoder = new TextEncoder();
    this.#labels = labels === null ? null : labels.map((label) => encoder.encode(label));
  }

  /** Rows `[from, to)`. */
  data(from: number, to: number): Data {
    const { type } = this.field;
    const values = this.values.subarray(from * this.width, to * this.width);
    if (!DataType.isFixedSizeList(type)) return this.#flat(type, values);
    return makeData<FixedSizeList>({
      type,
      length: to - from,
      nullCount: 0,
      child: this.#flat(type.valueType, values),
    });
  }

  #flat(type: DataType, values: DtypeArray): Data {
    const { length } = values;
    if (this.#labels !== null) return labelData(this.#labels, values);
    if (type instanceof Bool && values instanceof Uint8Array)
      return makeData({ type, length, nullCount: 0, data: packBits(values) });
    return makeData({ type, length, nullCount: 0, data: values } as Parameters<typeof makeData>[0]);
  }
}

/** Room for `count` values of `type`, in the memory layout of the column. */
export function columnValues(type: NumericType, count: number): DtypeArray {
  return new DTYPE_ARRAYS[type](count);
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
