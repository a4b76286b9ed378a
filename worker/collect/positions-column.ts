import { type Field as ArrowField, type Data, DataType, makeData } from "apache-arrow";
import { assert, present } from "../../shared/core/assert.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import type { OutputBinding } from "../../shared/domain/map-binding.ts";
import type { DtypeArray, TensorData } from "../../shared/domain/tensor.ts";
import type { InputChunk, RowRange } from "../tensorize/input-chunk.ts";
import { countsOf } from "../tensorize/row-positions.ts";
import { arrowField } from "./arrow-fields.ts";
import {
  cellData,
  columnValues,
  copyElements,
  type MadeColumn,
  moveUp,
  type Placement,
} from "./output-column.ts";

/** Rows of one chunk. Row r has positions `[offsets[r], offsets[r + 1])`, with `rowValues` values each. */
interface Block {
  readonly place: number;
  readonly rows: number;
  readonly offsets: Int32Array;
  readonly values: DtypeArray;
  /** Positions at the block's start that were taken. */
  positionsTaken: number;
}

/**
 * Made column of lists, each as long as its row. Padding is removed. The memory is allocated chunk by chunk.
 */
export class PositionsColumn implements MadeColumn {
  readonly field: ArrowField;
  /** Values of a chunk are in memory before any row is taken. */
  readonly mostOffsetBytes = 0;
  readonly #binding: OutputBinding & { readonly sequence: number };
  /** Blocks in order. A block stays until rows of the next one are taken. */
  readonly #blocks: Block[] = [];

  constructor(field: Field, binding: OutputBinding & { readonly sequence: number }) {
    this.field = arrowField(field);
    this.#binding = binding;
  }

  open({ rows, positions }: InputChunk, place: number): void {
    const counts = countsOf(positions, this.#binding.sequence);
    const offsets = new Int32Array(rows + 1);
    for (let row = 0; row < rows; row += 1) offsets[row + 1] = (offsets[row] ?? 0) + (counts[row] ?? 0);
    const { dtype, rowValues } = this.#binding;
    assert(dtype !== "string", "the plan refuses texts of positions");
    const values = columnValues(dtype, (offsets[rows] ?? 0) * rowValues);
    this.#blocks.push({ place, rows, offsets, values, positionsTaken: 0 });
  }

  write({ data, dims }: TensorData, placements: readonly Placement[]): void {
    const { rowValues } = this.#binding;
    const [, length = 0] = dims;
    for (const { tensorRow, rows, place } of placements) {
      const block = this.#blockOf(place);
      for (let row = 0; row < rows; row += 1) {
        const [start, end] = positionsOf(block, place - block.place + row);
        const from = (tensorRow + row) * length * rowValues;
        copyElements(data, from, from + (end - start) * rowValues, block.values, start * rowValues);
      }
    }
  }

  take(places: readonly RowRange[]): Data {
    const block = this.#blockOf(places[0]?.start ?? 0);
    while (this.#blocks[0] !== block) this.#blocks.shift();
    const rows = places.reduce((total, { start, end }) => total + end - start, 0);
    const valueOffsets = new Int32Array(rows + 1);
    const runs: RowRange[] = [];
    let row = 0;
    for (const { start, end } of places) {
      for (let place = start; place < end; place += 1) {
        const [from, to] = positionsOf(block, place - block.place);
        valueOffsets[row + 1] = (valueOffsets[row] ?? 0) + to - from;
        row += 1;
      }
      runs.push({
        start: block.offsets[start - block.place] ?? 0,
        end: block.offsets[end - block.place] ?? 0,
      });
    }
    // Rows that could not be fed have no positions. So only rows that the model failed on leave gaps.
    const { rowValues } = this.#binding;
    const from = block.positionsTaken;
    block.positionsTaken = moveUp(block.values, rowValues, runs, from);
    const { type } = this.field;
    assert(DataType.isList(type), "a column of positions is a list");
    const values = block.values.subarray(from * rowValues, block.positionsTaken * rowValues);
    const child = cellData(type.valueType, block.positionsTaken - from, values);
    return makeData({ type, length: rows, nullCount: 0, valueOffsets, child });
  }

  #blockOf(place: number): Block {
    const block = this.#blocks.find(({ place: first, rows }) => place >= first && place < first + rows);
    return present(block, "rows of an open chunk are written");
  }
}

function positionsOf({ offsets }: Block, row: number): readonly [start: number, end: number] {
  return [offsets[row] ?? 0, offsets[row + 1] ?? 0];
}
