import { cellsOf } from "../../shared/dataset/cell-reader.ts";
import { columnData } from "../../shared/dataset/record-batch.ts";
import type { InputChunk } from "../tensorize/input-chunk.ts";
import { grown } from "./output-column.ts";

/** Lists of numbers from a column of the model's rows, by row of the shard. All have one length. */
export class RowCells {
  readonly #column: string | null;
  #length = 0;
  #numbers = new Float64Array(0);

  /** @param column null: no column is read, and all cells are empty */
  constructor(column: string | null) {
    this.#column = column;
  }

  /** Adds the rows of a chunk, from `place` on. */
  open({ batch }: InputChunk, place: number): void {
    if (this.#column === null) return;
    let at = place;
    for (const cell of cellsOf(columnData(batch, this.#column))) {
      const numbers = Array.from(cell as Iterable<number>);
      this.#length = numbers.length;
      this.#numbers = grown(this.#numbers, (at + 1) * numbers.length);
      this.#numbers.set(numbers, at * numbers.length);
      at += 1;
    }
  }

  /** Returns the numbers of a row. Empty: no column is read. */
  of(place: number): Float64Array {
    return this.#numbers.subarray(place * this.#length, (place + 1) * this.#length);
  }
}
