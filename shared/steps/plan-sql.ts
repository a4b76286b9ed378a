import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { NEVER } from "../core/abort.ts";
import { present } from "../core/assert.ts";
import type { Problem } from "../core/errors.ts";
import { fieldsOf } from "../dataset/fields.ts";
import { openDatasetFile } from "../dataset/open-dataset-file.ts";
import { parquetFault } from "../dataset/parquet-form.ts";
import type { Field, FieldType } from "../domain/dataset.ts";
import { ROW_COLUMN, type SqlJoins, type StepBinding, type StepColumn } from "../domain/step-binding.ts";
import { columnNames, DECIMAL_DIGITS, emptyTable, hasWideDecimal } from "../sql/duckdb-types.ts";
import { quoteIdentifier, quoteLiteral } from "../sql/quote.ts";
import type { SqlDatabase } from "../sql/sql-database.ts";
import type { SqlSource } from "../sql/sql-error.ts";
import { fetchedSource } from "../storage/small-file.ts";
import { type ColumnUse, columnUse } from "./column-use.ts";
import { rowWiseFault, type SqlFunctions } from "./row-wise.ts";
import { aliasOf, fromClause, isNode, nodesIn, plainTable, type TreeNode } from "./select-tree.ts";

/** Comments and white space, then the first word of every SELECT. */
const BEGIN = /^(?:\s|--[^\n]*\n|\/\*[^*]*\*+(?:[^/*][^*]*\*+)*\/)*SELECT\b/i;

type SqlStepResult =
  | { readonly kind: "planned"; readonly step: StepBinding }
  | { readonly kind: "refused"; readonly problems: readonly Problem[] };

/**
 * Binds the SELECT of a step to its input columns, on an empty table. Finds the columns that it reads, the
 * columns that pass, and the types of its results. The SELECT may join with the other tables of `database`,
 * whose files the caller adds to the step.
 *
 * @param scratchFolder folder that `database` can write to
 * @throws {SQL_INVALID} {SQL_FAILED} with DuckDB's message
 */
export async function planSql(
  source: SqlSource,
  fields: readonly Field[],
  database: SqlDatabase,
  scratchFolder: string,
): Promise<SqlStepResult> {
  const { where } = source;
  const refused = (problem: Omit<Problem, "where">): SqlStepResult => ({
    kind: "refused",
    problems: [{ where, ...problem }],
  });
  await database.run(emptyTable("rows", fields.map(bindable)));
  const results = await database.columnNames(source);
  const node = await parse(source, database);
  const tables = await tablesOf(database);
  const fault = rowWiseFault(node, await functionsOf(database), new Set(tables.keys()));
  if (fault !== null) return refused(fault);
  const twice = results.find((name, at) => results.findIndex((other) => isSameName(other, name)) < at);
  if (twice !== undefined) return refused(namedTwice(twice));
  const inTable = columnNames(fields);
  const use = columnUse(node, inTable);
  const clash = caseClash(fields, inTable, use);
  if (clash !== null) return refused(clash);
  const unreadable = fields.flatMap((field) => unreadableFault(field, use) ?? []);
  if (unreadable.length > 0)
    return { kind: "refused", problems: unreadable.map((problem) => ({ where, ...problem })) };
  const { numbers, joins } = numbersOf(node, tables);
  const select = withColumns(source.sql, numbers);
  if (select === null)
    return refused({ what: "does not begin with SELECT", expected: "SELECT ... FROM rows", found: "FROM" });
  const made = results.filter((name) => !use.passed.has(name));
  const path = join(scratchFolder, "step.parquet");
  await database.copyTo({ where, sql: select }, path, { columns: [ROW_COLUMN, ...made] });
  const passed = passedColumns(use, fields, inTable);
  const columns = columnsOf(results, passed, await fieldsIn(path));
  const op = { kind: "sql", select, named: use.named, ...(joins === null ? {} : { joins }) } as const;
  return { kind: "planned", step: { where, op, files: [], reads: use.reads, columns } };
}

function columnsOf(
  results: readonly string[],
  passed: ReadonlyMap<string, StepColumn>,
  made: readonly Field[],
): readonly StepColumn[] {
  return results.flatMap((name): StepColumn[] => {
    const column = passed.get(name);
    if (column !== undefined) return [column];
    const own = made.find((field) => field.name === name);
    return own === undefined ? [] : [{ ...own, from: null }];
  });
}

/**
 * Returns the passing columns by their names in the result. A column whose name differs between table and
 * input came by `*`, and gets its own name back.
 */
function passedColumns(
  { passed }: ColumnUse,
  fields: readonly Field[],
  inTable: readonly string[],
): ReadonlyMap<string, StepColumn> {
  const columns = new Map<string, StepColumn>();
  for (const [result, column] of passed) {
    const field = present(fields[inTable.indexOf(column)], "a column that passes is in the table");
    const name = column === field.name ? result : field.name;
    columns.set(result, { ...field, name, from: field.name });
  }
  return columns;
}

async function fieldsIn(path: string): Promise<readonly Field[]> {
  using file = await openDatasetFile(fetchedSource(path, await readFile(path)), "parquet", NEVER);
  return fieldsOf(file.schema);
}

async function parse({ sql }: SqlSource, database: SqlDatabase): Promise<TreeNode> {
  const options = "skip_null := true, skip_empty := true, skip_default := true";
  const [row] = await database.rows(`SELECT json_serialize_sql(${quoteLiteral(sql)}, ${options}) AS tree`);
  const tree: unknown = JSON.parse(String(row?.tree));
  const [statement] = isNode(tree) ? nodesIn(tree.statements) : [];
  return isNode(statement?.node) ? statement.node : {};
}

async function functionsOf(database: SqlDatabase): Promise<SqlFunctions> {
  const rows = await database.rows(
    "SELECT DISTINCT lower(function_name) AS name, function_type AS type, stability FROM duckdb_functions()",
  );
  const names = (isWanted: (row: Record<string, unknown>) => boolean) =>
    new Set(rows.filter(isWanted).map(({ name }) => String(name)));
  return {
    aggregates: names(({ type }) => type === "aggregate"),
    // Function `error` depends only on its row, though DuckDB lists it as unstable.
    unstable: names(
      ({ name, stability }) => stability !== null && stability !== "CONSISTENT" && name !== "error",
    ),
  };
}

/** Returns the tables of a database besides `rows`, by their names in lower case. */
async function tablesOf(database: SqlDatabase): Promise<ReadonlyMap<string, string>> {
  const rows = await database.rows("SELECT table_name AS name FROM duckdb_tables()");
  const names = rows.map(({ name }) => String(name)).filter((name) => name !== "rows");
  return new Map(names.map((name) => [name.toLowerCase(), name]));
}

interface RowNumbers {
  /** Columns to select: the number of the row, and those of its matches. */
  readonly numbers: readonly string[];
  /** Null: the SELECT joins nothing. */
  readonly joins: SqlJoins | null;
}

/** Numbers the results of a SELECT, because DuckDB does not guarantee the order of a join. */
function numbersOf(node: TreeNode, tables: ReadonlyMap<string, string>): RowNumbers {
  const { first, joins } = fromClause(node);
  const row = `${quoteIdentifier(aliasOf(first))}.rowid AS ${quoteIdentifier(ROW_COLUMN)}`;
  // A table of a SEMI or ANTI JOIN gives no columns.
  const matched = joins.filter(({ join_type }) => join_type === "INNER" || join_type === "LEFT");
  const order = matched.map((_, at) => `shardmill:match${at}`);
  const matches = matched.map(({ right }, at) => {
    return `coalesce(${quoteIdentifier(aliasOf(right))}.rowid, 0) AS ${quoteIdentifier(order[at] ?? "")}`;
  });
  const names = new Set(joins.flatMap(({ right }) => tables.get(plainTable(right) ?? "") ?? []));
  const joined = joins.length === 0 ? null : { tables: [...names], order };
  return { numbers: [row, ...matches], joins: joined };
}

/** Inserts columns before the selected ones. Null: the text begins with another word. */
function withColumns(sql: string, columns: readonly string[]): string | null {
  const begin = BEGIN.exec(sql)?.[0];
  return begin === undefined ? null : `${begin} ${columns.join(", ")},${sql.slice(begin.length)}`;
}

/** Returns a field that SQL can hold. Unsupported types may pass by, and are binary in the table. */
function bindable(field: Field): Field {
  return sqlFault(field.type) === null ? field : { ...field, type: { kind: "binary" } };
}

function unreadableFault({ name, type }: Field, { reads }: ColumnUse): Omit<Problem, "where"> | null {
  const fault = reads.includes(name) ? sqlFault(type) : null;
  if (fault === null) return null;
  return {
    what: `computes with column \`${name}\`: ${fault}`,
    expected: "a type that SQL represents exactly",
    found: type.kind,
    hint: "select the column unchanged, by its name or by *, and compute with others",
  };
}

function sqlFault(type: FieldType): string | null {
  const fault = parquetFault(type);
  if (fault !== null) return fault;
  return hasWideDecimal(type) ? `DuckDB has decimals of ${DECIMAL_DIGITS} digits` : null;
}

/**
 * Reports a column that the SELECT names while another name differs only in case, because DuckDB would accept
 * either. Columns that only come by `*` may have such names.
 */
function caseClash(
  fields: readonly Field[],
  inTable: readonly string[],
  { reads, named }: ColumnUse,
): Omit<Problem, "where"> | null {
  for (const column of [...reads, ...named]) {
    const { name } = present(fields[inTable.indexOf(column)], "a column that is used is in the table");
    const isAlike = (other: Field, at: number) =>
      isSameName(other.name, name) || isSameName(inTable[at] ?? "", name);
    const [first, second] = fields.filter(isAlike);
    if (first === undefined || second === undefined) continue;
    return {
      what: `SQL cannot distinguish the columns \`${first.name}\` and \`${second.name}\``,
      expected: "names that differ by more than upper and lower case, of columns that the SQL uses",
      found: second.name,
      hint: "give one of them another name in the input, or select both by *",
    };
  }
  return null;
}

function namedTwice(name: string): Omit<Problem, "where"> {
  return {
    what: `two columns of the result are named \`${name}\``,
    expected: "names that differ by more than upper and lower case",
    found: name,
    hint: `give one another name (AS), or write * REPLACE (... AS ${quoteIdentifier(name)}) to change a column`,
  };
}

function isSameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
