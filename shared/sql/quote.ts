/** Quotes `text` as a SQL string literal. */
export function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Quotes any `name` as a SQL identifier. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * Returns a table expression over Parquet files, in the given order. Folder names such as `day=1` do not
 * become columns. Every path must exist: DuckDB treats a missing one with `*`, `?` or `[` as a pattern.
 *
 * Statistics of Parquet leave NaN out. By default, DuckDB skips row groups with NaN that `x > 5` includes.
 */
export function parquetScan(paths: readonly string[]): string {
  return `read_parquet([${paths.map(quoteLiteral).join(", ")}], hive_partitioning = false, can_have_nan = true)`;
}
