import { isShardmillError, type Problem, ShardmillError } from "../../../shared/core/errors.ts";
import { showType } from "../../../shared/dataset/field-differences.ts";
import { parquetFault } from "../../../shared/dataset/parquet-form.ts";
import type { Field, FieldType } from "../../../shared/domain/dataset.ts";
import { ROW_COLUMN, type StepBinding } from "../../../shared/domain/step-binding.ts";
import { BoundNode, boundPlan } from "../../../shared/sql/bound-tree.ts";
import { emptyTable, hasWideDecimal } from "../../../shared/sql/duckdb-types.ts";
import { quoteIdentifier } from "../../../shared/sql/quote.ts";
import { type OpenDatabase, useDatabase } from "../../../shared/sql/sql-database.ts";
import { sqlRefused } from "../../../shared/sql/sql-error.ts";
import { openSqlProcess, type SqlProcessOptions } from "../../../shared/sql/sql-process-client.ts";
import { type Predicate, UNKNOWN } from "./predicate.ts";
import { readPredicate } from "./read-predicate.ts";

const WHERE_KEY = "input.where";

/** Time limit of the check, on one row of nulls. A slower condition would never end over real rows. */
const LIMIT_MS = 30_000;
const MEMORY_BYTES = 512 * 1024 * 1024;

interface WhereOptions {
  readonly sql: string;
  readonly fields: readonly Field[];
  /** Existing folder, which the caller removes. */
  readonly scratchFolder: string;
  readonly signal: AbortSignal;
  /** Opens the database. Default: in a process of its own. */
  readonly open?: OpenDatabase<SqlProcessOptions>;
}

/** The checked `input.where`. */
export interface CheckedWhere {
  /** Step that drops the rows for which the condition is not true. */
  readonly step: StepBinding;
  /** The condition, to the extent that statistics can judge it. */
  readonly predicate: Predicate;
}

/**
 * Checks the SQL of `input.where` before any work, on a table of the dataset's fields with one row of nulls.
 * The SQL must be a deterministic condition on the row's own columns.
 *
 * @throws {SQL_INVALID} with the fault and its place
 */
export async function checkWhere(options: WhereOptions): Promise<CheckedWhere> {
  const { sql, fields, scratchFolder, signal, open = openSqlProcess } = options;
  const held = fields.filter(({ type }) => isHeld(type));
  const opening = open({
    folders: [scratchFolder],
    tempFolder: scratchFolder,
    optimizes: "constants",
    purpose: "check",
    memoryLimitBytes: MEMORY_BYTES,
    limitMs: LIMIT_MS,
    signal,
  });
  try {
    return await useDatabase(
      opening,
      async (database) => {
        await database.run(emptyTable("rows", held));
        await database.run(`INSERT INTO rows VALUES (${held.map(() => "NULL").join(", ")})`);
        const plan = await database.bindPredicate({ where: WHERE_KEY, sql }, "rows");
        const { columns, predicate } = readPlan(plan, held);
        for (const column of columns) refuseNamesake(column, held);
        const reads = columns.map(({ name }) => name);
        return { step: filterStep(sql, fields, reads), predicate };
      },
      signal,
    );
  } catch (error) {
    throw asProblem(
      error,
      fields.filter((field) => !held.includes(field)),
    );
  }
}

/**
 * Returns the first step of a map. It drops the rows for which `sql` is not true, and changes no column. The
 * job's text is last, so that no bracket or comment in it affects the rest.
 *
 * @param reads columns that the condition names
 */
function filterStep(sql: string, fields: readonly Field[], reads: readonly string[]): StepBinding {
  const select = `SELECT rowid AS ${quoteIdentifier(ROW_COLUMN)} FROM rows WHERE ${sql}`;
  return {
    where: WHERE_KEY,
    op: { kind: "sql", select, named: [] },
    files: [],
    reads,
    columns: fields.map((field) => ({ ...field, from: field.name })),
  };
}

/** Checks whether SQL sees the values of a column unchanged: SQL receives them as Parquet. */
function isHeld(type: FieldType): boolean {
  return parquetFault(type) === null && !hasWideDecimal(type);
}

/**
 * Returns the columns that the condition reads, in field order, and its predicate. Without a plan: all
 * columns, and an unknown predicate.
 */
function readPlan(
  plan: string | null,
  fields: readonly Field[],
): { readonly columns: readonly Field[]; readonly predicate: Predicate } {
  if (plan === null) return { columns: fields, predicate: UNKNOWN };
  let node = boundPlan(plan) ?? new BoundNode(null);
  let conditions: readonly BoundNode[] | null = null;
  while (node.text("type") !== "LOGICAL_GET") {
    const [child] = node.nodes("children");
    if (node.text("type") === "LOGICAL_FILTER") conditions = node.nodes("expressions");
    if (child === undefined) break;
    node = child;
  }
  const read = node.nodes("column_indexes").map((column) => fields[Number(column.get("index"))] ?? null);
  for (const condition of conditions ?? []) refuseRowId(condition, read);
  const columns = fields.filter((field) => read.includes(field));
  // Without a filter or a table, DuckDB may have decided the condition for the checked table alone.
  if (conditions === null || read.length === 0) return { columns: fields, predicate: UNKNOWN };
  return { columns, predicate: readPredicate(conditions, read) };
}

/**
 * Refuses a column that SQL cannot distinguish from another. The table at run time has only the named
 * columns, so SQL would silently read the wrong one.
 */
function refuseNamesake({ name }: Field, fields: readonly Field[]): void {
  const first = fields.find((field) => field.name.toLowerCase() === name.toLowerCase());
  const isOwn = name.toLowerCase() === "rowid";
  if (first?.name === name && !isOwn) return;
  throw sqlRefused(
    { where: WHERE_KEY, sql: "" },
    {
      what: isOwn
        ? "SQL has its own `rowid`, and cannot distinguish a column of that name from it"
        : `SQL cannot distinguish the columns \`${first?.name}\` and \`${name}\``,
      expected: "names that differ by more than upper and lower case",
      found: name,
      hint: "give one of them another name in the input",
    },
  );
}

/** Refuses DuckDB's row ids: they depend on how the rows are read. */
function refuseRowId(node: BoundNode, columns: readonly (Field | null)[]): void {
  if (node.text("expression_class") === "BOUND_REF" && columns[Number(node.get("index"))] === null) {
    throw sqlRefused(
      { where: WHERE_KEY, sql: "" },
      {
        what: `\`${node.text("alias")}\` is not a column of the input`,
        expected: "a column of the input",
        found: node.text("alias"),
      },
    );
  }
  for (const child of node.parts()) refuseRowId(child, columns);
}

function asProblem(error: unknown, omitted: readonly Field[]): unknown {
  if (!isShardmillError(error, "SQL_INVALID") && !isShardmillError(error, "SQL_FAILED")) return error;
  const own: Problem = { where: WHERE_KEY, what: error.message.replace(`${WHERE_KEY} failed: `, "") };
  const problems = (error.problems.length > 0 ? error.problems : [own]).map((problem) => {
    const lacking = omitted.find(({ name }) => problem.what.includes(`column "${name}"`));
    return lacking === undefined
      ? problem
      : {
          ...problem,
          hint: `column \`${lacking.name}\` has a type that SQL cannot hold: ${showType(lacking.type)}`,
        };
  });
  return new ShardmillError("SQL_INVALID", `the SQL of ${WHERE_KEY} has 1 problem`, {
    problems,
    fields: error.fields,
    cause: error,
  });
}
