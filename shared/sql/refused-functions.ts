import type { DuckDBConnection } from "@duckdb/node-api";

/**
 * Functions that a user's SQL may call after FROM: they make rows of their arguments. All others are refused,
 * later versions' too. Many act (`enable_logging`, `checkpoint`), run text as SQL (`query`), or read files
 * and settings. A result may depend only on `rows`, `partials` and tables of the job.
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

/** Functions that act although they are called among the columns. */
const ACTING: readonly string[] = ["write_log"];

/**
 * Function names in a statement that DuckDB parsed and wrote as JSON. Quotes in its strings are escaped, so
 * no string matches.
 */
const FUNCTION_NAME = /"function_name":("(?:[^"\\]|\\.)*")/g;

/**
 * Returns the name of the first refused function in a user's SELECT. Null: none, or DuckDB cannot parse the
 * text, which it reports later.
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

/** Lists the functions in a statement that DuckDB parsed and wrote as JSON. */
export function functionNames(tree: string): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [, quoted = '""'] of tree.matchAll(FUNCTION_NAME)) {
    names.add(String(JSON.parse(quoted)).toLowerCase());
  }
  return names;
}

/** Refused names, the same in every database of this process. */
let refused: ReadonlySet<string> | null = null;

async function refusedNames(connection: DuckDBConnection): Promise<ReadonlySet<string>> {
  if (refused !== null) return refused;
  const list =
    "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type IN ('table', 'table_macro')";
  const names = (await connection.runAndReadAll(list)).getRows().map(([name]) => String(name).toLowerCase());
  refused = new Set([...ACTING, ...names.filter((name) => !PLAIN_TABLE_FUNCTIONS.has(name))]);
  return refused;
}
