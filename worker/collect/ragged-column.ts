import { type Field as ArrowField, type Data, DataType, makeData } from "apache-arrow";
import { assert, present } from "../../shared/core/assert.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import type { OpenDims, OutputBinding } from "../../shared/domain/map-binding.ts";
import { lengthsIn, listDepth } from "../../shared/domain/open-dims.ts";
import { DTYPE_ARRAYS, type DtypeArray, product, type TensorData } from "../../shared/domain/tensor.ts";
import type { RowRange } from "../tensorize/input-chunk.ts";
import { arrowField } from "./arrow-fields.ts";
import { cellData, columnValues, type MadeColumn, type Placement } from "./output-column.ts";

/** Binding of an output whose rows differ in shape. */
type RaggedBinding = OutputBinding & { readonly open: OpenDims };

/** One row: the sizes of its nested lists from the outside in, and its values. */
interface RaggedRow {
  readonly sizes: readonly number[];
  readonly values: DtypeArray;
}

/** Bytes of an offset in Arrow. */
const OFFSET_BYTES = 4;

/**
 * Made column of lists that differ in size by row. Sizes are those of a row's own tensor, or another output
 * has them. Each row has memory of its own until it is taken.
 */
export class RaggedColumn implements MadeColumn {
  readonly field: ArrowField;
  /** Each row knows its bytes. */
  readonly mostOffsetBytes = 0;
  readonly #binding: RaggedBinding;
  /** Rows by their place in the shard. */
  readonly #rows = new Map<number, RaggedRow>();

  constructor(field: Field, binding: RaggedBinding) {
    this.field = arrowField(field);
    this.#binding = binding;
  }

  /** Stores rows of a tensor with its batch axis first. `lengths` has the length of each of its rows. */
  write(
    { data, dims: [, ...dims] }: TensorData,
    placements: readonly Placement[],
    lengths: TensorData | null,
  ): void {
    const { dtype, open } = this.#binding;
    assert(dtype !== "string", "the plan refuses lists of texts");
    const all = new DTYPE_ARRAYS[dtype](data);
    const [most = 0, ...inner] = dims.slice(0, open.dims.length);
    const counts = lengths === null ? null : lengthsIn(lengths);
    const [width, item] = [product(dims), product(dims.slice(1))];
    for (const { tensorRow, rows, place } of placements) {
      for (let row = 0; row < rows; row += 1) {
        const start = (tensorRow + row) * width;
        const length = counts === null ? most : (counts[tensorRow + row] ?? 0);
        const sizes = counts === null ? [most, ...inner].filter((_, at) => open.dims[at] !== 1) : [length];
        this.#rows.set(place + row, { sizes, values: all.slice(start, start + length * item) });
      }
    }
  }

  bytesOf(place: number): number {
    const { sizes, values } = this.#rowAt(place);
    return values.byteLength + OFFSET_BYTES * product(sizes.slice(0, -1));
  }

  take(places: readonly RowRange[]): Data {
    const rows: RaggedRow[] = [];
    for (const { start, end } of places) {
      for (let place = start; place < end; place += 1) {
        rows.push(this.#rowAt(place));
        this.#rows.delete(place);
      }
    }
    return this.#listsOf(rows, this.field.type, 0);
  }

  /** Returns the lists of a level, from the outside in, for the lists or rows that contain them. */
  #listsOf(rows: readonly RaggedRow[], type: DataType, level: number): Data {
    const { dtype, rowValues, open } = this.#binding;
    if (level === listDepth(open)) {
      assert(dtype !== "string", "the plan refuses lists of texts");
      const count = rows.reduce((total, { values }) => total + values.length, 0);
      const values = columnValues(dtype, count);
      let at = 0;
      for (const row of rows) {
        values.set(row.values as never, at);
        at += row.values.length;
      }
      return cellData(type, count / rowValues, values);
    }
    assert(DataType.isList(type), "a row that differs in shape is nested lists");
    const valueOffsets = offsetsOf(rows, level);
    const child = this.#listsOf(rows, type.valueType, level + 1);
    return makeData({ type, length: valueOffsets.length - 1, nullCount: 0, valueOffsets, child });
  }

  #rowAt(place: number): RaggedRow {
    return present(this.#rows.get(place), "a row is written before it is taken");
  }
}

/** Returns the offsets of all lists of a level. All lists of one row have one size. */
function offsetsOf(rows: readonly RaggedRow[], level: number): Int32Array {
  const lists = rows.map(({ sizes }) => product(sizes.slice(0, level)));
  const offsets = new Int32Array(lists.reduce((total, own) => total + own, 1));
  let at = 0;
  for (const [index, { sizes }] of rows.entries()) {
    for (let list = 0; list < (lists[index] ?? 0); list += 1) {
      offsets[at + 1] = (offsets[at] ?? 0) + (sizes[level] ?? 0);
      at += 1;
    }
  }
  return offsets;
}
