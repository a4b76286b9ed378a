import { parquetScan, quoteIdentifier } from "./quote.ts";

/** Tables of a job in a database. */
export interface SqlTables {
  /** Paths of Parquet files, by the tables' names. */
  readonly paths: Readonly<Record<string, string>>;
  /**
   * - `read`: a view, for SQL that runs once. Each use reads the file.
   * - `kept`: a table in memory, for SQL that runs again and again. Its rows have ids in the file's order.
   * - `empty`: a table with the file's columns, for checks.
   */
  readonly as: "read" | "kept" | "empty";
}

/** Returns the statements that create the tables. */
export function createTables({ paths, as }: SqlTables): readonly string[] {
  const what = as === "read" ? "VIEW" : "TABLE";
  const limit = as === "empty" ? " LIMIT 0" : "";
  return Object.entries(paths).map(
    ([name, path]) => `CREATE ${what} ${quoteIdentifier(name)} AS FROM ${parquetScan([path])}${limit}`,
  );
}
