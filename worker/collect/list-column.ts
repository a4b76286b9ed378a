import { type Field as ArrowField, type Data, DataType, makeData } from "apache-arrow";
import type { Field } from "../../shared/domain/dataset.ts";
import type { ColumnValues } from "../../shared/output-ops/output-op.ts";
import type { RowRange } from "../tensorize/input-chunk.ts";
import { arrowField } from "./arrow-fields.ts";
import { cellData, type FlatData, flatOf, grown, type MadeColumn } from "./output-column.ts";

/** Cells of a column of lists. */
interface ListCells {
  /** Buffer for the most cells that a row, or a position of it, can have. */
  readonly room: ColumnValues;
  /** Values of a cell. */
  readonly width: number;
  /** Each row has one cell, not a list. */
  readonly isOne: boolean;
}

/**
 * Made column of lists with different lengths, or of texts that are joined from such lists. The cells of all
 * rows are stored in order of writing, which differs from the order of rows. A column of another type has one
 * cell in each row.
 */
export class ListColumn implements MadeColumn {
  readonly field: ArrowField;
  /** Buffer for the cells of one row, which `append` reads. */
  cells: ColumnValues;
  /** Each row has one cell, not a list. */
  readonly #isOne: boolean;
  /** Values of a cell. */
  readonly #width: number;
  /** Most values of a position. */
  readonly #most: number;
  readonly #flat: FlatData;
  readonly #longest: number;
  #written: ColumnValues;
  #used = 0;
  /** Start and number of cells by row of the shard. */
  #starts: Uint32Array;
  #counts: Uint32Array;

  /** @param capacityRows rows of the shard */
  constructor(
    field: Field,
    { room, width, isOne }: ListCells,
    capacityRows: number,
    labels: readonly string[] | null = null,
  ) {
    this.field = arrowField(field);
    this.cells = room;
    this.#isOne = isOne;
    this.#width = width;
    this.#most = room.length;
    this.#written = room.slice(0, 0);
    this.#starts = new Uint32Array(capacityRows);
    this.#counts = new Uint32Array(capacityRows);
    const { flat, longest } = flatOf(labels);
    this.#flat = flat;
    this.#longest = longest;
  }

  get mostOffsetBytes(): number {
    return this.cells.length * Math.max(1, this.#longest);
  }

  /**
   * Makes room for the cells of a row with `positions` positions.
   *
   * @returns true when `cells` is a new array
   */
  widen(positions: number): boolean {
    const { cells } = this;
    if (!this.#isOne) this.cells = grown(cells, positions * this.#most);
    return this.cells !== cells;
  }

  /** Makes room for `rows` rows. A step may increase the rows of a shard. */
  reserve(rows: number): void {
    this.#starts = grown(this.#starts, rows);
    this.#counts = grown(this.#counts, rows);
  }

  /** Stores the first `length` of `cells` as the row at `place`. */
  append(place: number, length: number): void {
    const count = this.#isOne ? 1 : length;
    const from = this.#used * this.#width;
    this.#written = grown(this.#written, from + count * this.#width);
    this.#written.set(this.cells.subarray(0, count * this.#width), from);
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
    if (DataType.isList(type)) {
      const child = cellData(type.valueType, cells, values, this.#flat);
      return makeData({ type, length: rows, nullCount: 0, valueOffsets, child });
    }
    const flat = this.#flat(type, values);
    if (!DataType.isUtf8(type)) return flat;
    const joined = valueOffsets.map((cell) => flat.valueOffsets[cell] ?? 0);
    return makeData({ type, length: rows, nullCount: 0, valueOffsets: joined, data: flat.values });
  }

  #gather(places: readonly RowRange[], cells: number): ColumnValues {
    const width = this.#width;
    const values = new (this.cells.constructor as new (length: number) => ColumnValues)(cells * width);
    let at = 0;
    for (const { start, end } of places) {
      for (let place = start; place < end; place += 1) {
        const from = (this.#starts[place] ?? 0) * width;
        const to = from + (this.#counts[place] ?? 0) * width;
        for (let value = from; value < to; value += 1) values[at++] = this.#written[value] ?? 0;
      }
    }
    return values;
  }
}
