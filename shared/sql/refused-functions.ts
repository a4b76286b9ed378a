import type { DuckDBConnection } from "@duckdb/node-api";

/**
 * The functions that may stand after FROM in a user's SQL: they make rows of their arguments. All others that
 * DuckDB has, those of a later version too, are refused: many act (`enable_logging`, `checkpoint`), run text
 * as SQL (`query`), or read files and settings, where `rows` and `partials` are all that a result may depend
 * on.
 */
const PLAIN_TABLE_FUNCTIONS: ReadonlySet<string> = new Set([
  "generate_series",
  "histogram",
  "histogram_values",
  "json_each",
  "json_tree",
  "range",
  "repeat",
  "repeat_row",
  "summary",
  "unnest",
]);

/** They stand among the columns and act nevertheless. */
const ACTING: readonly string[] = ["write_log"];

/**
 * Names in a statement that DuckDB has parsed and written as JSON: quotes in its strings are escaped, so that
 * none looks like this.
 */
const FUNCTION_NAME = /"function_name":("(?:[^"\\]|\\.)*")/g;

/**
 * The first function that a user's SELECT may not call, by its own name, or null. What DuckDB cannot parse is
 * for it to complain about.
 */
export async function refusedFunction(connection: DuckDBConnection, sql: string): Promise<string | null> {
  const called = functionNames(await parsed(connection, sql));
  if (called.size === 0) return null;
  const names = await refusedNames(connection);
  return [...called].find((name) => names.has(name)) ?? null;
}

async function parsed(connection: DuckDBConnection, sql: string): Promise<string> {
  const parse = "SELECT json_serialize_sql($1::VARCHAR, skip_null := true, skip_empty := true) AS tree";
  const reader = await connection.runAndReadAll(parse, [sql]);
  return String(reader.getRows()[0]?.[0] ?? "");
}

/** Those that a statement calls that DuckDB has parsed and written as JSON. */
export function functionNames(tree: string): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [, quoted = '""'] of tree.matchAll(FUNCTION_NAME)) {
    names.add(String(JSON.parse(quoted)).toLowerCase());
  }
  return names;
}

/** The same in every database of this process. */
let refused: ReadonlySet<string> | null = null;

async function refusedNames(connection: DuckDBConnection): Promise<ReadonlySet<string>> {
  if (refused !== null) return refused;
  const list =
    "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type IN ('table', 'table_macro')";
  const names = (await connection.runAndReadAll(list)).getRows().map(([name]) => String(name).toLowerCase());
  refused = new Set([...ACTING, ...names.filter((name) => !PLAIN_TABLE_FUNCTIONS.has(name))]);
  return refused;
}
