import { type Field as ArrowField, type Data, DataType, makeData } from "apache-arrow";
import { assert } from "../../shared/core/assert.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import type { ColumnValues } from "../../shared/output-ops/output-op.ts";
import type { RowRange } from "../tensorize/input-chunk.ts";
import { arrowField } from "./arrow-fields.ts";
import { cellData, type FlatData, flatOf, grown, type MadeColumn } from "./output-column.ts";

/**
 * A made column that is a list of its own length in each row. The cells of all rows lie behind one another in
 * the order in which they were written, which is not that of the rows.
 */
export class ListColumn implements MadeColumn {
  readonly field: ArrowField;
  readonly mostOffsetBytes: number;
  /** Room for the cells of one row, which `append` takes. */
  readonly cells: ColumnValues;
  readonly #flat: FlatData;
  #written: ColumnValues;
  #used = 0;
  /** By row of the shard: where its cells begin, and how many there are. */
  #starts: Uint32Array;
  #counts: Uint32Array;

  /**
   * @param cells as many as a row can have
   * @param capacityRows the shard's rows
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

  /** Makes room for `rows` rows: a step may make more of a shard's rows than there were. */
  reserve(rows: number): void {
    this.#starts = grown(this.#starts, rows);
    this.#counts = grown(this.#counts, rows);
  }

  /** The row at `place` has the first `count` of `cells`. */
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
