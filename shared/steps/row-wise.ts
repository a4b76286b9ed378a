import type { Problem } from "../core/errors.ts";
import { fromClause, nodesIn, plainTable, type TreeNode, walk } from "./select-tree.ts";

/** DuckDB's facts about its own functions, by their names in lower case. */
export interface SqlFunctions {
  readonly aggregates: ReadonlySet<string>;
  /** Functions whose results may change between calls: `random`, `now`. */
  readonly unstable: ReadonlySet<string>;
}

type RowFault = Omit<Problem, "where">;

/** Functions that are written without brackets. */
const KEYWORD_FUNCTIONS: ReadonlySet<string> = new Set([
  "current_date",
  "current_time",
  "current_timestamp",
  "localtime",
  "localtimestamp",
]);

const EXPECTED = "SELECT ... FROM rows [JOIN table ...] [WHERE ...]: each result made of one row";

const NO_TABLES: ReadonlySet<string> = new Set();

/** SQL spelling of clauses, by DuckDB's names. */
const MODIFIERS: Readonly<Record<string, string>> = {
  DISTINCT_MODIFIER: "DISTINCT",
  ORDER_MODIFIER: "ORDER BY",
  LIMIT_MODIFIER: "LIMIT",
  LIMIT_PERCENT_MODIFIER: "LIMIT",
};

/**
 * Returns the reason why a SELECT does not make each result from one row of `rows`. Null: it does. The
 * results of such a SELECT do not depend on which rows are passed together. It may drop rows (WHERE), and
 * make several of one (`unnest`, JOIN). It must not order, group, count or compare rows.
 *
 * @param tables names of the job's tables, in lower case
 */
export function rowWiseFault(
  node: TreeNode,
  functions: SqlFunctions,
  tables: ReadonlySet<string> = NO_TABLES,
): RowFault | null {
  return clauseFault(node) ?? tableFault(node, tables) ?? expressionFault(node, functions);
}

function clauseFault(node: TreeNode): RowFault | null {
  if (node.type !== "SELECT_NODE") return refuse("is not one SELECT", "UNION, or another statement");
  if (node.cte_map !== undefined) return refuse("has a WITH", "WITH", "write the subquery where it is used");
  for (const { type } of nodesIn(node.modifiers)) {
    const clause = MODIFIERS[String(type)] ?? String(type);
    return refuse(`has ${clause}, which looks at several rows`, clause, acrossRows(clause));
  }
  const isGrouped = node.group_expressions !== undefined || node.having !== undefined;
  if (isGrouped || node.aggregate_handling !== "STANDARD_HANDLING")
    return refuse("groups rows", "GROUP BY", IN_REDUCE);
  if (node.qualify !== undefined) return refuse("has QUALIFY, which looks at several rows", "QUALIFY");
  return null;
}

const IN_REDUCE =
  "compute over several rows in a reduction, under reduce. For the list of one row, use list_sum, list_max or a subquery over unnest";

function acrossRows(clause: string): string {
  return clause === "ORDER BY" ? "remove it: rows stay in the order of the input" : IN_REDUCE;
}

function tableFault(node: TreeNode, tables: ReadonlySet<string>): RowFault | null {
  const { first, joins } = fromClause(node);
  if (plainTable(first) !== "rows") {
    if (joins.length === 0) return refuse("does not select from `rows`", "another table");
    return refuse("does not begin with `rows`", "another table", "write FROM rows JOIN ... instead");
  }
  for (const join of joins) {
    const fault = joinFault(join, tables);
    if (fault !== null) return fault;
  }
  let named = 0;
  let inside: string | null = null;
  let isSampled = false;
  walk(node, (inner, isInSubquery) => {
    if (inner.type === "BASE_TABLE") named += 1;
    if (isInSubquery) inside ??= plainTable(inner);
    if (inner.sample !== undefined) isSampled = true;
  });
  if (isSampled) return refuse("takes a sample", "SAMPLE", "filter by a hash: WHERE hash(id) % 10 = 0");
  if (named === 1 + joins.length) return null;
  if (tables.has(inside ?? "")) return refuse(`reads \`${inside}\` in a subquery`, "a subquery", IN_FROM);
  return refuse("looks at `rows` more than once", "several tables", IN_REDUCE);
}

/** Joins that give results of one row each, by DuckDB's names. The others also give results of no row. */
const ROW_JOINS: ReadonlySet<unknown> = new Set(["INNER", "LEFT", "SEMI", "ANTI"]);

function joinFault({ right, join_type, ref_type }: TreeNode, tables: ReadonlySet<string>): RowFault | null {
  if (!tables.has(plainTable(right) ?? ""))
    return refuse("joins `rows` with something else", "a join", UNNEST);
  // NATURAL would depend on columns that the step does not name, and POSITIONAL on the order of rows.
  const isPlain = ref_type === "REGULAR" || ref_type === "CROSS";
  if (isPlain && ROW_JOINS.has(join_type)) return null;
  const kind = isPlain ? String(join_type) : String(ref_type);
  const hint = "use JOIN, LEFT JOIN, SEMI JOIN or ANTI JOIN, with ON or USING";
  return refuse(`uses ${kind} JOIN`, `${kind} JOIN`, hint);
}

const IN_FROM = "join it: SEMI JOIN keeps the rows that have a match, ANTI JOIN those without";
const UNNEST =
  "to make several rows of one, unnest a list among the columns: SELECT id, unnest(items) AS item FROM rows. To join with a file, list it under the key `tables`";

function expressionFault(node: TreeNode, functions: SqlFunctions): RowFault | null {
  let fault: RowFault | null = null;
  walk(node, (inner, isInSubquery) => {
    fault ??= nodeFault(inner, isInSubquery, functions);
  });
  return fault;
}

function nodeFault(node: TreeNode, isInSubquery: boolean, functions: SqlFunctions): RowFault | null {
  const name = String(node.function_name ?? "").toLowerCase();
  switch (node.class) {
    case "WINDOW":
      return isInSubquery ? null : refuse("has a window function, which looks at several rows", name);
    case "FUNCTION":
      if (functions.unstable.has(name)) return unstable(name);
      if (isInSubquery || !functions.aggregates.has(name)) return null;
      return refuse(`aggregates rows (\`${name}\`)`, name, IN_REDUCE);
    case "COLUMN_REF":
      return columnFault(node);
    case "POSITIONAL_REFERENCE":
      return refuse("names a column by its position", "#1", "name the column");
    default:
      return null;
  }
}

function columnFault({ column_names }: TreeNode): RowFault | null {
  const names = Array.isArray(column_names) ? column_names.map((name) => String(name).toLowerCase()) : [];
  const [only = ""] = names;
  if (names.includes("rowid"))
    return refuse("names `rowid`, which DuckDB reserves", "rowid", "give the column another name");
  return names.length === 1 && KEYWORD_FUNCTIONS.has(only) ? unstable(only) : null;
}

function unstable(name: string): RowFault {
  return refuse(
    `calls \`${name}\`, which returns another value each time: a row that runs again would differ`,
    name,
    "compute it from the row's own columns: hash(id) instead of random()",
  );
}

function refuse(what: string, found: string, hint?: string): RowFault {
  return { what, expected: EXPECTED, found, ...(hint === undefined ? {} : { hint }) };
}
