/** A statement as DuckDB's `json_serialize_sql` gives it: what is read of it here, and everything else. */
export interface TreeNode {
  readonly [key: string]: unknown;
}

export function isNode(value: unknown): value is TreeNode {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The objects in a list of the tree; none where there is no list. */
export function nodesIn(value: unknown): readonly TreeNode[] {
  return Array.isArray(value) ? value.filter(isNode) : [];
}

export function textsIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

/**
 * Visits `value` and all that is below it, the outer ones first.
 *
 * @param visit is told whether a subquery lies around the node
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
