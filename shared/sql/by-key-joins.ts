import type { BoundNode } from "./bound-tree.ts";
import {
  NOTHING,
  needsAll,
  type Rows,
  type Scope,
  type SeenRows,
  sameRows,
  unknownNode,
} from "./by-key-rows.ts";

type Dealt = Extract<SeenRows, { readonly kind: "dealt" }>;

/** Joins that give rows of the left side, with or without columns of the right one. */
const LEFT_ROWS: ReadonlySet<string> = new Set(["INNER", "LEFT", "SEMI", "ANTI", "MARK", "SINGLE"]);
const RIGHT_ROWS: ReadonlySet<string> = new Set(["INNER", "RIGHT"]);
/** Joins whose rows with equal keys can meet in each part. */
const KEY_JOINS: ReadonlySet<string> = new Set([...LEFT_ROWS, "RIGHT", "OUTER"]);
const EQUALS = "COMPARE_EQUAL";
const SAME = "COMPARE_NOT_DISTINCT_FROM";

/**
 * Returns the rows of a join. A join with rows that are equal in all parts may keep the dealt side only. Two
 * dealt sides must be equal in all keys, so that rows that meet are in one part.
 */
export function joined(node: BoundNode, inputs: readonly SeenRows[], scope: Scope): Rows {
  const [left = NOTHING, right = NOTHING] = inputs;
  const type = node.text("join_type") || "INNER";
  const maps = [node.get("left_projection_map"), node.get("right_projection_map")];
  if (maps.some((map) => Array.isArray(map) && map.length > 0)) return unknownNode(node);
  const width = widthOf(type, left, right);
  if (left.kind === "same" && right.kind === "same") return sameRows(width);
  if (right.kind === "same" && LEFT_ROWS.has(type)) return { ...left, width };
  if (right.kind === "dealt" && left.kind === "same" && isFreeOnRight(node, type))
    return { ...right, width, keys: moved(right, left.width) };
  if (left.kind === "dealt" && right.kind === "dealt") {
    const rows = metRows({ node, type, width }, left, right);
    if (rows !== null) return rows;
  }
  return refusedJoin(node, type, scope);
}

function widthOf(type: string, left: SeenRows, right: SeenRows): number {
  if (type === "SEMI" || type === "ANTI") return left.width;
  return type === "MARK" ? left.width + 1 : left.width + right.width;
}

/** Checks that each row of the right side alone decides what it gives. An ASOF join takes the nearest row. */
function isFreeOnRight(node: BoundNode, type: string): boolean {
  return RIGHT_ROWS.has(type) && node.text("type") !== "LOGICAL_ASOF_JOIN";
}

interface Join {
  readonly node: BoundNode;
  readonly type: string;
  readonly width: number;
}

/** Returns the rows of a join of two dealt sides. Null: its rows may meet across parts. */
function metRows({ node, type, width }: Join, left: Dealt, right: Dealt): Rows | null {
  const isOuter = right.owner === node;
  if (!isOuter && left.owner !== right.owner) return null;
  const isSubquery = node.text("type") === "LOGICAL_DELIM_JOIN";
  // `IN` gives null instead of false if any row of the other side is null. A subquery's values are apart.
  const needed = isOuter || type === "MARK" ? [SAME] : [SAME, EQUALS];
  if (isOuter || type === "MARK") {
    if (!isSubquery || !LEFT_ROWS.has(type)) return null;
  } else if (!KEY_JOINS.has(type)) return null;
  const lefts = isOuter ? correlatedPlaces(node) : left.keys;
  const conditions = node.nodes("conditions").filter((each) => needed.includes(each.text("comparison")));
  const meets = right.keys.every((places, key) =>
    conditions.some(
      (each) => isAt(each.node("left"), lefts[key] ?? []) && isAt(each.node("right"), places),
    ),
  );
  if (!meets) return null;
  if (isOuter) return { ...left, width };
  const shifted = moved(right, left.width);
  const keys = left.keys.map((places, key) => [
    ...(LEFT_ROWS.has(type) ? places : []),
    ...(RIGHT_ROWS.has(type) ? (shifted[key] ?? []) : []),
  ]);
  return { ...left, width, keys };
}

/** Returns the places in the outer rows of the columns that a correlated subquery reads. */
function correlatedPlaces(node: BoundNode): readonly (readonly number[])[] {
  return node.nodes("duplicate_eliminated_columns").map((column) => [Number(column.get("index"))]);
}

function isAt(expression: BoundNode, places: readonly number[]): boolean {
  return (
    expression.text("expression_class") === "BOUND_REF" && places.includes(Number(expression.get("index")))
  );
}

function moved({ keys }: Dealt, by: number): readonly (readonly number[])[] {
  return keys.map((places) => places.map((place) => place + by));
}

function refusedJoin(node: BoundNode, type: string, { by }: Scope): Rows {
  if (type === "MARK") {
    const hint = "write EXISTS with `=` for each column of `by`, or SEMI JOIN ... USING";
    return needsAll("`IN` or `EXISTS` with a subquery", `a subquery over \`${by.table}\``, by, hint);
  }
  const name = node.text("type") === "LOGICAL_CROSS_PRODUCT" ? "CROSS" : type;
  const hint = "write JOIN ... USING with all columns of `by`, or LEFT JOIN of another table";
  return needsAll("a join", `${name} JOIN`, by, hint);
}
