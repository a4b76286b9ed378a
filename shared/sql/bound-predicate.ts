import { type DuckDBConnection, DuckDBTypeId } from "@duckdb/node-api";
import { quoteIdentifier } from "./quote.ts";
import { functionNames, refusedFunction } from "./refused-functions.ts";
import { type SqlSource, sqlError, sqlRefused } from "./sql-error.ts";

/** Functions that read outside settings, although DuckDB counts them as consistent. */
const READS_SETTINGS: readonly string[] = ["current_setting", "getvariable", "version"];
/** Function that counts from today when it has one argument. */
const AGE = "age";

/** Parts of a SELECT whose text after WHERE is a predicate and nothing more. */
const PARTS: ReadonlySet<string> = new Set([
  "type",
  "select_list",
  "from_table",
  "where_clause",
  "aggregate_handling",
]);

const OTHER_PARTS: Readonly<Record<string, string>> = {
  modifiers: "ORDER BY, LIMIT or DISTINCT",
  group_expressions: "GROUP BY",
  group_sets: "GROUP BY",
  having: "HAVING",
  qualify: "QUALIFY",
  sample: "USING SAMPLE",
};

/** Wraps a predicate. The user's text comes last, so that its brackets and comments cannot change ours. */
function selectWhere(table: string, predicate: string): string {
  return `SELECT 1 FROM ${quoteIdentifier(table)} WHERE ${predicate}`;
}

/**
 * Checks that a user's text is one predicate over the columns of `table`. A predicate is true, false or null
 * for a row, whatever the other rows are, and always the same. Runs the predicate once on the present rows:
 * what fails on a row of nulls fails on real ones.
 *
 * @returns the bound plan of a SELECT with the predicate, as JSON (`json_serialize_plan`). Null: DuckDB
 * cannot write it.
 * @throws {SQL_INVALID} with the place in the user's text
 * @throws {SQL_FAILED}
 */
export async function boundPredicate(
  connection: DuckDBConnection,
  source: SqlSource,
  table: string,
): Promise<string | null> {
  const select = selectWhere(table, source.sql);
  try {
    const { count } = await connection.extractStatements(select);
    const tree = await serialized(connection, "json_serialize_sql", select);
    refuseOtherParts(source, tree, count);
    // Before it is bound: some functions act on binding.
    const acting = await refusedFunction(connection, select);
    if (acting !== null) throw refusal(source, acting, "has side effects, or reads data outside the row");
    const statement = await connection.prepare(select);
    statement.destroySync();
    await refuseOtherTypes(connection, source, table);
    const plan = await serialized(connection, "json_serialize_plan", select, "optimize := false");
    await refuseChance(connection, source, { tree, plan });
    await connection.run(select);
    return await serialized(connection, "json_serialize_plan", select, "optimize := true");
  } catch (error) {
    throw sqlError(error, source, Buffer.byteLength(selectWhere(table, "")));
  }
}

/** Serializes a statement. Null: DuckDB cannot. DuckDB reports other errors within the JSON. */
async function serialized(
  connection: DuckDBConnection,
  by: "json_serialize_sql" | "json_serialize_plan",
  select: string,
  option = "skip_default := false",
): Promise<string | null> {
  const sql = `SELECT ${by}($1::VARCHAR, skip_null := true, skip_empty := true, ${option})`;
  try {
    const reader = await connection.runAndReadAll(sql, [select]);
    return String(reader.getRows()[0]?.[0] ?? "");
  } catch {
    return null;
  }
}

const SUBQUERY = /"class":"SUBQUERY"/;

function refuseOtherParts(source: SqlSource, tree: string | null, statementCount: number): void {
  const { statements } = JSON.parse(tree ?? "{}") as {
    readonly statements?: readonly { readonly node?: Readonly<Record<string, unknown>> }[];
  };
  const node = statements?.[0]?.node ?? {};
  const other = Object.keys(node).find((part) => !PARTS.has(part));
  if (statementCount > 1 || (other !== undefined && node.type === "SELECT_NODE")) {
    throw sqlRefused(source, {
      what: "more than a condition",
      expected: "only the condition of a WHERE",
      found:
        statementCount > 1 ? `${statementCount} statements` : (OTHER_PARTS[other ?? ""] ?? "another clause"),
    });
  }
  if (node.type !== undefined && node.type !== "SELECT_NODE") {
    const expected = "only the condition of a WHERE";
    throw sqlRefused(source, { what: "more than a condition", expected, found: "several SELECTs" });
  }
  if (tree === null || !SUBQUERY.test(tree)) return;
  throw sqlRefused(source, {
    what: "a subquery: a condition uses only the row's own columns",
    expected: "a condition on the columns of one row",
    found: "a SELECT in it",
  });
}

async function refuseOtherTypes(
  connection: DuckDBConnection,
  source: SqlSource,
  table: string,
): Promise<void> {
  const statement = await connection
    .prepare(`SELECT (${source.sql}\n) FROM ${quoteIdentifier(table)}`)
    .catch((error: unknown) => {
      throw sqlError(error, source, Buffer.byteLength("SELECT ("));
    });
  try {
    if (statement.parameterCount > 0) {
      throw sqlRefused(source, { what: "has parameters", expected: "no `$1`, no `?`", found: "parameters" });
    }
    const type = statement.columnType(0);
    if (statement.columnCount === 1 && TRUTHS.has(type.typeId)) return;
    throw sqlRefused(source, {
      what: "not a condition: it does not return true or false",
      expected: "a BOOLEAN, as `length(body) > 20` is",
      found: statement.columnCount === 1 ? String(type) : `${statement.columnCount} columns`,
    });
  } finally {
    statement.destroySync();
  }
}

const TRUTHS: ReadonlySet<DuckDBTypeId> = new Set([DuckDBTypeId.BOOLEAN, DuckDBTypeId.SQLNULL]);

/**
 * Refuses functions that may vary: chance, the time, the session. A shard may run twice, and must give the
 * same rows. The plan lists the called functions, with macros expanded. The tree also lists calls that
 * binding turns into constants.
 */
async function refuseChance(
  connection: DuckDBConnection,
  source: SqlSource,
  { tree, plan }: { readonly tree: string | null; readonly plan: string | null },
): Promise<void> {
  const list = "SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability <> 'CONSISTENT'";
  const rows = (await connection.runAndReadAll(list)).getRows();
  const refused = new Set([...READS_SETTINGS, ...rows.map(([name]) => String(name).toLowerCase())]);
  const called = plan === null ? [] : [...calledIn(JSON.parse(plan))];
  const names = [...called.map(({ name }) => name), ...functionNames(tree ?? "")];
  const found = names.find((name) => refused.has(name.toLowerCase()));
  const age = called.find(({ name, args }) => name === AGE && args === 1);
  const chance = found ?? age?.name;
  if (chance !== undefined) throw refusal(source, chance, "does not depend on the row alone");
}

function* calledIn(node: unknown): Generator<{ readonly name: string; readonly args: number }> {
  if (typeof node !== "object" || node === null) return;
  const { expression_class, name, children } = node as Readonly<Record<string, unknown>>;
  if (expression_class === "BOUND_FUNCTION")
    yield { name: String(name), args: Array.isArray(children) ? children.length : 0 };
  for (const child of Object.values(node)) yield* calledIn(child);
}

function refusal(source: SqlSource, name: string, why: string) {
  return sqlRefused(source, {
    what: `\`${name}\` is not a function for a condition on rows: it ${why}`,
    expected: "functions of the row's own columns that return the same value each time",
    found: name,
  });
}
