/** Statement from DuckDB's `json_serialize_sql`, with all of its keys. */
export interface TreeNode {
  readonly [key: string]: unknown;
}

export function isNode(value: unknown): value is TreeNode {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Returns the objects in a list of the tree. Empty: the value is not a list. */
export function nodesIn(value: unknown): readonly TreeNode[] {
  return Array.isArray(value) ? value.filter(isNode) : [];
}

export function textsIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

/** Tables after FROM. */
interface FromClause {
  /** First table. Other values are not tables. */
  readonly first: unknown;
  /** Joins with further tables, in order. Each has its table in `right`. */
  readonly joins: readonly TreeNode[];
}

/** Returns the tables after FROM of a SELECT. */
export function fromClause({ from_table }: TreeNode): FromClause {
  const joins: TreeNode[] = [];
  let first = from_table;
  for (; isNode(first) && first.type === "JOIN"; first = first.left) joins.unshift(first);
  return { first, joins };
}

/** Returns the name that SQL uses for a table: its alias, or its own name. */
export function aliasOf(table: unknown): string {
  if (!isNode(table)) return "";
  const { alias, table_name } = table;
  return typeof alias === "string" && alias !== "" ? alias : String(table_name ?? "");
}

/** Returns the name of a table without schema and alias, in lower case. Null: it is not such a table. */
export function plainTable(table: unknown): string | null {
  if (!isNode(table) || table.type !== "BASE_TABLE") return null;
  const isPlain = table.schema_name === undefined && table.catalog_name === undefined;
  return isPlain ? String(table.table_name).toLowerCase() : null;
}

/**
 * Visits `value` and everything below it, outer nodes first.
 *
 * @param visit also gets whether the node is in a subquery
 */
export function walk(
  value: unknown,
  visit: (node: TreeNode, isInSubquery: boolean) => void,
  isInSubquery = false,
): void {
  if (Array.isArray(value)) for (const item of value) walk(item, visit, isInSubquery);
  if (!isNode(value)) return;
  visit(value, isInSubquery);
  const isInside = isInSubquery || value.type === "SUBQUERY";
  for (const child of Object.values(value)) walk(child, visit, isInside);
}
