import type { Problem } from "../core/errors.ts";
import { isNode, nodesIn, type TreeNode, walk } from "./select-tree.ts";

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

const EXPECTED = "SELECT ... FROM rows [WHERE ...]: each result made of one row";

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
 * make several of one (`unnest`). It must not order, group, count or compare rows.
 */
export function rowWiseFault(node: TreeNode, functions: SqlFunctions): RowFault | null {
  return clauseFault(node) ?? tableFault(node) ?? expressionFault(node, functions);
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

function tableFault(node: TreeNode): RowFault | null {
  const table = node.from_table;
  // DuckDB does not guarantee the row order of a join, nor the order of a list's rows within it.
  if (isNode(table) && table.type === "JOIN")
    return refuse("joins `rows` with something else", "a join", UNNEST);
  if (!isNode(table) || !isRows(table)) return refuse("does not select from `rows`", "another table");
  let named = 0;
  let isSampled = false;
  walk(node, (inner) => {
    if (inner.type === "BASE_TABLE") named += 1;
    if (inner.sample !== undefined) isSampled = true;
  });
  if (isSampled) return refuse("takes a sample", "SAMPLE", "filter by a hash: WHERE hash(id) % 10 = 0");
  return named === 1 ? null : refuse("looks at `rows` more than once", "several tables", IN_REDUCE);
}

const UNNEST =
  "to make several rows of one, unnest a list among the columns: SELECT id, unnest(items) AS item FROM rows";

function isRows({ type, table_name, schema_name, catalog_name }: TreeNode): boolean {
  const isPlain = schema_name === undefined && catalog_name === undefined;
  return type === "BASE_TABLE" && isPlain && String(table_name).toLowerCase() === "rows";
}

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
