/** How published rows are written: what threads that write them know of it, without the job file's schema. */

export const COMPRESSIONS = ["zstd", "snappy", "gzip", "none"] as const;
export type Compression = (typeof COMPRESSIONS)[number];

/** A column to sort by. Nulls come last in both orders. */
export interface SortKey {
  readonly column: string;
  readonly order: "ascending" | "descending";
}

/** How a table of rows becomes a file. */
export interface RowsForm {
  /** Null: `zstd` in Parquet, none in Arrow. */
  readonly compression: Compression | null;
  /** Rows of a row group, or of a record batch, at most; null: by their bytes. */
  readonly rowGroupRows: number | null;
  /** Within each part. Empty: rows stay in the order of the plan. */
  readonly sort: readonly SortKey[];
}

/** More folders than readers list with ease; a column of so many values is none to make folders of. */
export const MOST_FOLDERS = 10_000;

/** Rows of a record batch, where the job does not say: what other writers take, too. */
export const ARROW_BATCH_ROWS = 65_536;
