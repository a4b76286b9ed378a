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
    const pairs = equalPairs(node, left.width, scope.filter);
    const rows = metRows({ node, type, width, pairs }, left, right);
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
  readonly pairs: readonly EqualPair[];
}

/** Columns of the left and the right side that are equal in all rows that meet. */
interface EqualPair {
  readonly left: number;
  readonly right: number;
  /** True: a null meets a null. */
  readonly joinsNulls: boolean;
}

/** Returns the rows of a join of two dealt sides. Null: its rows may meet across parts. */
function metRows({ node, type, width, pairs }: Join, left: Dealt, right: Dealt): Rows | null {
  const isOuter = right.owner === node;
  if (!isOuter && left.owner !== right.owner) return null;
  // `IN` gives null instead of false if any row of the subquery is null. A correlated one looks only at
  // rows of its own outer row.
  const isStrict = isOuter || type === "MARK";
  const isSubquery = node.text("type") === "LOGICAL_DELIM_JOIN";
  if (isStrict ? !isSubquery || !LEFT_ROWS.has(type) : !KEY_JOINS.has(type)) return null;
  const lefts = isOuter ? correlatedPlaces(node) : left.keys;
  const meets = right.keys.every((places, key) =>
    pairs.some(
      (pair) =>
        (pair.joinsNulls || !isStrict) && places.includes(pair.right) && lefts[key]?.includes(pair.left),
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

/** Returns the pairs of a join's conditions, or of a filter on all pairs of rows. */
function equalPairs(node: BoundNode, leftWidth: number, filter: BoundNode | null): readonly EqualPair[] {
  if (node.text("type") !== "LOGICAL_CROSS_PRODUCT")
    return node.nodes("conditions").flatMap((each) => pairOf(each, each.text("comparison"), 0));
  const conditions = filter?.nodes("expressions").flatMap(conjuncts) ?? [];
  return conditions.flatMap((each) => pairOf(each, each.text("type"), leftWidth));
}

function conjuncts(condition: BoundNode): readonly BoundNode[] {
  return condition.text("type") === "CONJUNCTION_AND"
    ? condition.nodes("children").flatMap(conjuncts)
    : [condition];
}

/** @param leftWidth columns before those of the right side. Zero: each side counts its own. */
function pairOf(condition: BoundNode, comparison: string, leftWidth: number): readonly EqualPair[] {
  if (comparison !== EQUALS && comparison !== SAME) return [];
  const sides = [condition.node("left"), condition.node("right")];
  if (sides.some((side) => side.text("expression_class") !== "BOUND_REF")) return [];
  const [one = 0, other = 0] = sides.map((side) => Number(side.get("index")));
  const [left, right] = leftWidth === 0 || one < other ? [one, other] : [other, one];
  return [{ left, right: right - leftWidth, joinsNulls: comparison === SAME }];
}

/** Returns the places in the outer rows of the columns that a correlated subquery reads. */
function correlatedPlaces(node: BoundNode): readonly (readonly number[])[] {
  return node.nodes("duplicate_eliminated_columns").map((column) => [Number(column.get("index"))]);
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
