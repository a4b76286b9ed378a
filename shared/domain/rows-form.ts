/** Form of the rows files. This module does not load the job file's schema, so writer threads stay small. */

export const COMPRESSIONS = ["zstd", "snappy", "gzip", "none"] as const;
export type Compression = (typeof COMPRESSIONS)[number];

/** Column to sort by. Nulls come last in both orders. */
export interface SortKey {
  readonly column: string;
  readonly order: "ascending" | "descending";
}

/** Form of a rows file. */
export interface RowsForm {
  /** Compression. Null: `zstd` in Parquet, none in Arrow. */
  readonly compression: Compression | null;
  /** Limit of rows in a row group or record batch. Null: groups end by their bytes. */
  readonly rowGroupRows: number | null;
  /** Sort order within each part. Empty: rows stay in the order of the plan. */
  readonly sort: readonly SortKey[];
}

/** Limit of folders. Readers list more only slowly, and such a column is a poor choice for folders. */
export const MOST_FOLDERS = 10_000;

/** Default rows of a record batch, as in other writers. */
export const ARROW_BATCH_ROWS = 65_536;
