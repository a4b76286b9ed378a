import { isShardmillError, type Problem, ShardmillError } from "../../../shared/core/errors.ts";
import { showType } from "../../../shared/dataset/field-differences.ts";
import { type Field, type FieldType, innerTypes } from "../../../shared/domain/dataset.ts";
import { DECIMAL_DIGITS, emptyTable } from "../../../shared/sql/duckdb-types.ts";
import { type OpenDatabase, useDatabase } from "../../../shared/sql/sql-database.ts";
import { sqlRefused } from "../../../shared/sql/sql-error.ts";
import { openSqlProcess, type SqlProcessOptions } from "../../../shared/sql/sql-process-client.ts";
import { BoundNode } from "./bound-tree.ts";
import { type Predicate, UNKNOWN } from "./predicate.ts";
import { readPredicate } from "./read-predicate.ts";

const WHERE_KEY = "input.where";
/** What takes longer over one row of nulls would never end over some. */
const LIMIT_MS = 30_000;
const MEMORY_BYTES = 512 * 1024 * 1024;

export interface WhereOptions {
  readonly sql: string;
  readonly fields: readonly Field[];
  /** An existing folder of the caller's, who removes it. */
  readonly scratchFolder: string;
  readonly signal: AbortSignal;
  /** Where the SQL runs. Left out: in a process of its own. */
  readonly open?: OpenDatabase<SqlProcessOptions>;
}

/** `input.where`, checked. */
export interface CheckedWhere {
  /** Columns that it names, in the order of the fields: each has them, or the row cannot be judged. */
  readonly columns: readonly string[];
  /** As far as statistics can judge it. */
  readonly predicate: Predicate;
}

/**
 * Checks the SQL of `input.where` before any work, on a table of the dataset's fields with one row of nulls:
 * it must be a condition on the row's own columns, and the same each time.
 *
 * @throws {SQL_INVALID} with what is wrong, and where in it
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
    return await useDatabase(opening, signal, async (database) => {
      await database.run(emptyTable("rows", held));
      await database.run(`INSERT INTO rows VALUES (${held.map(() => "NULL").join(", ")})`);
      const plan = await database.bindPredicate({ where: WHERE_KEY, sql }, "rows");
      return plan === null
        ? { columns: held.map(({ name }) => name), predicate: UNKNOWN }
        : readPlan(plan, held);
    });
  } catch (error) {
    throw asProblem(
      error,
      fields.filter((field) => !held.includes(field)),
    );
  }
}

/** Whether a column of a table can hold its values as they are. */
function isHeld(type: FieldType): boolean {
  if (type.kind === "union" || (type.kind === "decimal" && type.precision > DECIMAL_DIGITS)) return false;
  return innerTypes(type).every(isHeld);
}

function readPlan(plan: string, fields: readonly Field[]): CheckedWhere {
  const root = new BoundNode(parsedPlan(plan));
  let node = root.nodes("plans")[0] ?? new BoundNode(null);
  let conditions: readonly BoundNode[] | null = null;
  while (node.text("type") !== "LOGICAL_GET") {
    const [child] = node.nodes("children");
    if (node.text("type") === "LOGICAL_FILTER") conditions = node.nodes("expressions");
    if (child === undefined) break;
    node = child;
  }
  const read = node.nodes("column_indexes").map((column) => fields[Number(column.get("index"))] ?? null);
  for (const condition of conditions ?? []) refuseRowId(condition, read);
  const columns = fields.filter((field) => read.includes(field)).map(({ name }) => name);
  // Without a filter or a table, something in it was decided otherwise than here: nothing is said of any row.
  if (conditions === null || read.length === 0)
    return { columns: fields.map(({ name }) => name), predicate: UNKNOWN };
  return { columns, predicate: readPredicate(conditions, read) };
}

/** DuckDB counts the rows of a table. Which row is which is decided by who reads them. */
function refuseRowId(node: BoundNode, columns: readonly (Field | null)[]): void {
  if (node.text("expression_class") === "BOUND_REF" && columns[Number(node.get("index"))] === null) {
    throw sqlRefused(
      { where: WHERE_KEY, sql: "" },
      {
        what: `\`${node.text("alias")}\` is no column of the input`,
        expected: "its columns",
        found: node.text("alias"),
      },
    );
  }
  for (const child of node.parts()) refuseRowId(child, columns);
}

/**
 * NaN and the infinities are no JSON, though DuckDB writes them. In a JSON text, no quote stands bare like
 * these.
 */
function parsedPlan(json: string): unknown {
  return JSON.parse(json.replace(/"value":(?:-?Infinity|-?NaN)(?=[,}])/gi, '"value":null')) as unknown;
}

function asProblem(error: unknown, leftOut: readonly Field[]): unknown {
  if (!isShardmillError(error, "SQL_INVALID") && !isShardmillError(error, "SQL_FAILED")) return error;
  const own: Problem = { where: WHERE_KEY, what: error.message.replace(`${WHERE_KEY} failed: `, "") };
  const problems = (error.problems.length > 0 ? error.problems : [own]).map((problem) => {
    const lacking = leftOut.find(({ name }) => problem.what.includes(`column "${name}"`));
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
