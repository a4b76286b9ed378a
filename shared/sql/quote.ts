/** `text` as a SQL string literal. */
export function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** `name` as a SQL identifier, whatever is in it. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * A table expression over Parquet files, in the order given. Folder names such as `day=1` on the way to them
 * are names, not columns. Every path must exist: one that does not and has `*`, `?` or `[` in it would be
 * taken for a pattern.
 */
export function parquetScan(paths: readonly string[]): string {
  return `read_parquet([${paths.map(quoteLiteral).join(", ")}], hive_partitioning = false)`;
}
