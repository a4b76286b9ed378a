import { assert } from "../core/assert.ts";

/** A row of one file of the dataset. */
interface RowPlace {
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

/** Returns the rows of a planned job. */
export function plannedRows(planned: {
  readonly dataset: { readonly files: readonly { readonly rows: number }[] };
  readonly pruned: readonly FileSlice[];
  readonly skipped: readonly FileSlice[];
}): DatasetRows {
  return new DatasetRows(
    planned.dataset.files.map(({ rows }) => rows),
    planned.pruned,
    planned.skipped,
  );
}

/**
 * Rows of the dataset that are in shards. They are numbered consecutively, over the files in their order:
 *
 * ```
 * file         0        1   2 (empty)   3 (its rows 1 and 2 are pruned)
 * rows         3        2   0           4
 * of dataset   0 1 2    3 4             5 6
 * ```
 */
export class DatasetRows {
  /** Rows in no shard, because the files' statistics show that `input.where` excludes them. */
  readonly pruned: number;
  /** Rows in no shard, because `input.sample` or `input.limit` skips them. */
  readonly skipped: number;
  /**
   * First dataset row of each range of contiguous rows in one file, and the end of the last. No range is
   * empty.
   */
  readonly #starts: Float64Array;
  readonly #files: Uint32Array;
  /** Number to subtract from a dataset row for its row in the file. */
  readonly #shifts: Float64Array;

  /**
   * @param fileRows row count of each file, in the dataset's order
   * @param pruned in order, disjoint, also from `skipped`
   * @param skipped in order and disjoint
   */
  constructor(
    fileRows: readonly number[],
    pruned: readonly FileSlice[] = [],
    skipped: readonly FileSlice[] = [],
  ) {
    this.pruned = rowsOf(pruned);
    this.skipped = rowsOf(skipped);
    const kept = keptSlices(fileRows, skipped.length === 0 ? pruned : inOrder([...pruned, ...skipped]));
    this.#starts = new Float64Array(kept.length + 1);
    this.#files = Uint32Array.from(kept, ({ file }) => file);
    this.#shifts = new Float64Array(kept.length);
    for (const [index, { rowStart, rowEnd }] of kept.entries()) {
      const start = at(this.#starts, index);
      this.#starts[index + 1] = start + rowEnd - rowStart;
      this.#shifts[index] = start - rowStart;
    }
  }

  /** Count of rows in shards. */
  get total(): number {
    return at(this.#starts, this.#starts.length - 1);
  }

  /** Returns the file of a dataset row, and the row's index in the file. */
  placeOf(row: number): RowPlace {
    assert(row >= 0 && row < this.total, `row ${row} is one of the dataset's ${this.total}`);
    const index = this.#stretchOf(row);
    return { file: at(this.#files, index), row: row - at(this.#shifts, index) };
  }

  /**
   * Returns the rows `[rowStart, rowEnd)` of the dataset as slices of files. A file has several slices where
   * rows between them are pruned or skipped. An empty range gives an empty slice of the first file, so the
   * schema always has a file.
   */
  slicesOf({ rowStart, rowEnd }: Pick<FileSlice, "rowStart" | "rowEnd">): FileSlice[] {
    assert(
      0 <= rowStart && rowStart <= rowEnd && rowEnd <= this.total,
      `rows ${rowStart} to ${rowEnd} are some of the dataset's ${this.total}`,
    );
    if (rowStart === rowEnd) return [{ file: 0, rowStart: 0, rowEnd: 0 }];
    const slices: FileSlice[] = [];
    for (let index = this.#stretchOf(rowStart); at(this.#starts, index) < rowEnd; index += 1) {
      const shift = at(this.#shifts, index);
      const from = Math.max(rowStart, at(this.#starts, index)) - shift;
      const to = Math.min(rowEnd, at(this.#starts, index + 1)) - shift;
      slices.push({ file: at(this.#files, index), rowStart: from, rowEnd: to });
    }
    return slices;
  }

  #stretchOf(row: number): number {
    let low = 0;
    let high = this.#files.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (at(this.#starts, middle) <= row) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

function rowsOf(slices: readonly FileSlice[]): number {
  return slices.reduce((rows, { rowStart, rowEnd }) => rows + rowEnd - rowStart, 0);
}

function inOrder(slices: readonly FileSlice[]): readonly FileSlice[] {
  return slices.toSorted((a, b) => a.file - b.file || a.rowStart - b.rowStart);
}

function at(values: Float64Array | Uint32Array, index: number): number {
  return values[index] ?? 0;
}

function keptSlices(fileRows: readonly number[], excluded: readonly FileSlice[]): FileSlice[] {
  const kept: FileSlice[] = [];
  let next = 0;
  for (const [file, rows] of fileRows.entries()) {
    let rowStart = 0;
    for (let gap = excluded[next]; gap?.file === file; gap = excluded[next]) {
      const inOrder = rowStart <= gap.rowStart && gap.rowStart < gap.rowEnd && gap.rowEnd <= rows;
      assert(
        inOrder,
        `rows ${gap.rowStart} to ${gap.rowEnd} of file ${file} are excluded once, of its ${rows}`,
      );
      if (rowStart < gap.rowStart) kept.push({ file, rowStart, rowEnd: gap.rowStart });
      rowStart = gap.rowEnd;
      next += 1;
    }
    if (rowStart < rows) kept.push({ file, rowStart, rowEnd: rows });
  }
  assert(next === excluded.length, "excluded rows lie in the dataset's files, in their order");
  return kept;
}
