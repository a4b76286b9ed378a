import { assert } from "../core/assert.ts";

/** A row of one file of the dataset. */
export interface RowPlace {
  /** Index into the dataset's files. */
  readonly file: number;
  readonly row: number;
}

/** Rows `[rowStart, rowEnd)` of one file of the dataset. */
export interface FileSlice {
  /** Index into the dataset's files. */
  readonly file: number;
  readonly rowStart: number;
  readonly rowEnd: number;
}

/**
 * Where the rows of the dataset lie. Its rows are numbered through, over the files in their order:
 *
 * ```
 * file         0        1   2 (empty)   3
 * rows         3        2   0           4
 * of dataset   0 1 2    3 4             5 6 7 8
 * ```
 */
export class DatasetRows {
  /** The dataset's row at which each file starts, and where the last one ends. */
  readonly #starts: Float64Array;

  /** @param fileRows how many rows each file has, in the dataset's order */
  constructor(fileRows: readonly number[]) {
    this.#starts = new Float64Array(fileRows.length + 1);
    for (const [file, rows] of fileRows.entries()) this.#starts[file + 1] = this.#startOf(file) + rows;
  }

  get files(): number {
    return this.#starts.length - 1;
  }

  get total(): number {
    return this.#startOf(this.files);
  }

  /** The file that holds a row of the dataset, and which of its rows that is. */
  placeOf(row: number): RowPlace {
    assert(row >= 0 && row < this.total, `row ${row} is one of the dataset's ${this.total}`);
    // The last file that starts at or before the row: those that start there too are empty.
    let low = 0;
    let high = this.files - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#startOf(middle) <= row) low = middle;
      else high = middle - 1;
    }
    return { file: low, row: row - this.#startOf(low) };
  }

  /**
   * Rows `[rowStart, rowEnd)` of the dataset, file by file. Files that have none of them are left out; no
   * rows are no rows of the first file, so that there is always a file to take the schema from.
   */
  slicesOf({ rowStart, rowEnd }: Pick<FileSlice, "rowStart" | "rowEnd">): FileSlice[] {
    assert(
      0 <= rowStart && rowStart <= rowEnd && rowEnd <= this.total,
      `rows ${rowStart} to ${rowEnd} are some of the dataset's ${this.total}`,
    );
    if (rowStart === rowEnd) return [{ file: 0, rowStart: 0, rowEnd: 0 }];
    const slices: FileSlice[] = [];
    for (let { file } = this.placeOf(rowStart); this.#startOf(file) < rowEnd; file += 1) {
      const fileStart = this.#startOf(file);
      const from = Math.max(rowStart, fileStart) - fileStart;
      const to = Math.min(rowEnd, this.#startOf(file + 1)) - fileStart;
      if (from < to) slices.push({ file, rowStart: from, rowEnd: to });
    }
    return slices;
  }

  #startOf(file: number): number {
    return this.#starts[file] ?? 0;
  }
}
