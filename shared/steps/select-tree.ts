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
