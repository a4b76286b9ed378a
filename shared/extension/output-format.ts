import type { FieldType } from "../domain/dataset.ts";

/**
 * Format of published rows besides Parquet and Arrow, without column types in its files. DuckDB's COPY writes
 * the files from the rows as Parquet, uncompressed or with gzip or zstd. Equal rows give equal bytes.
 *
 * Each format passes `test/contract/output-format-contract.ts`. Pure facts: planning needs them all.
 */
export interface OutputFormatPart {
  /** Value of `output.rows`, and ending of its files: `csv`. */
  readonly name: string;
  /** Name in messages: `CSV`. */
  readonly title: string;
  /** Options of COPY, without the compression: `FORMAT csv`. */
  readonly copyOptions: string;
  /**
   * Returns the SQL whose value COPY writes for a column. Readers can get the column's values back.
   *
   * @param sql expression for the column
   */
  written(sql: string, type: FieldType): string;
}
