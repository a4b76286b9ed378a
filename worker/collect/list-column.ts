import { type Field as ArrowField, type Data, DataType, makeData } from "apache-arrow";
import { assert } from "../../shared/core/assert.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import type { ColumnValues } from "../../shared/output-ops/output-op.ts";
import type { RowRange } from "../tensorize/input-chunk.ts";
import { arrowField } from "./arrow-fields.ts";
import { cellData, type FlatData, flatOf, grown, type MadeColumn } from "./output-column.ts";

/**
 * Made column of lists with different lengths. The cells of all rows are stored in order of writing, which
 * differs from the order of rows.
 */
export class ListColumn implements MadeColumn {
  readonly field: ArrowField;
  readonly mostOffsetBytes: number;
  /** Buffer for the cells of one row, which `append` reads. */
  readonly cells: ColumnValues;
  readonly #flat: FlatData;
  #written: ColumnValues;
  #used = 0;
  /** Start and number of cells by row of the shard. */
  #starts: Uint32Array;
  #counts: Uint32Array;

  /**
   * @param cells buffer for the most cells that a row can have
   * @param capacityRows rows of the shard
   */
  constructor(
    field: Field,
    cells: ColumnValues,
    capacityRows: number,
    labels: readonly string[] | null = null,
  ) {
    this.field = arrowField(field);
    this.cells = cells;
    this.#written = cells.slice(0, 0);
    this.#starts = new Uint32Array(capacityRows);
    this.#counts = new Uint32Array(capacityRows);
    const { flat, longest } = flatOf(labels);
    this.#flat = flat;
    this.mostOffsetBytes = cells.length * Math.max(1, longest);
  }

  /** Makes room for `rows` rows. A step may increase the rows of a shard. */
  reserve(rows: number): void {
    this.#starts = grown(this.#starts, rows);
    this.#counts = grown(this.#counts, rows);
  }

  /** Stores the first `count` of `cells` as the row at `place`. */
  append(place: number, count: number): void {
    this.#written = grown(this.#written, this.#used + count);
    this.#written.set(this.cells.subarray(0, count), this.#used);
    this.#starts[place] = this.#used;
    this.#counts[place] = count;
    this.#used += count;
  }

  take(places: readonly RowRange[]): Data {
    const rows = places.reduce((total, { start, end }) => total + end - start, 0);
    const valueOffsets = new Int32Array(rows + 1);
    let row = 0;
    for (const { start, end } of places) {
      for (let place = start; place < end; place += 1) {
        valueOffsets[row + 1] = (valueOffsets[row] ?? 0) + (this.#counts[place] ?? 0);
        row += 1;
      }
    }
    const cells = valueOffsets[rows] ?? 0;
    const values = this.#gather(places, cells);
    const { type } = this.field;
    assert(DataType.isList(type), "a column of lists is a list");
    const child = cellData(type.valueType, cells, values, this.#flat);
    return makeData({ type, length: rows, nullCount: 0, valueOffsets, child });
  }

  #gather(places: readonly RowRange[], cells: number): ColumnValues {
    const values = new (this.cells.constructor as new (length: number) => ColumnValues)(cells);
    let at = 0;
    for (const { start, end } of places) {
      for (let place = start; place < end; place += 1) {
        const from = this.#starts[place] ?? 0;
        const count = this.#counts[place] ?? 0;
        for (let cell = from; cell < from + count; cell += 1) values[at++] = this.#written[cell] ?? 0;
      }
    }
    return values;
  }
}
