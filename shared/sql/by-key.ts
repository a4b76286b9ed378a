import type { BoundNode } from "./bound-tree.ts";
import { joined } from "./by-key-joins.ts";
import {
  type ByKey,
  isSeen,
  NOTHING,
  needsAll,
  type Rows,
  type Rule,
  type Scope,
  type SeenRows,
  sameRows,
  unknownNode,
} from "./by-key-rows.ts";
import { quoteLiteral } from "./quote.ts";

/**
 * Checks whether a statement can run over the rows of some keys at a time. The parts of its result are then
 * together the result over all rows, in any division by keys:
 *
 *     final(part 1) + final(part 2) + ... = final(part 1 + part 2 + ...)
 *
 * It follows the plan that DuckDB bound, where names, stars, ordinals and aliases are positions of columns.
 * Each node has a rule of {@link RULES}. A node without a rule is refused.
 */

/** Deepest plan, which protects the stack. */
const DEPTH_LIMIT = 500;

/** Rules by the type of a plan's node. A rule gets the rows of the node's children. */
const RULES: Readonly<Record<string, Rule>> = {
  LOGICAL_GET: scanned,
  LOGICAL_DUMMY_SCAN: () => sameRows(1),
  LOGICAL_CHUNK_GET: (node) => sameRows(node.nodes("chunk_types").length),
  LOGICAL_EXPRESSION_GET: listed,
  LOGICAL_DELIM_GET: (node, _, { outer }) => outer ?? unknownNode(node),
  LOGICAL_PROJECTION: projected,
  LOGICAL_FILTER: passed,
  LOGICAL_ORDER_BY: passed,
  LOGICAL_UNNEST: unnested,
  LOGICAL_WINDOW: windowed,
  LOGICAL_AGGREGATE_AND_GROUP_BY: grouped,
  LOGICAL_DISTINCT: deduplicated,
  LOGICAL_LIMIT: limited,
  LOGICAL_SAMPLE: (_, __, { by }) => needsAll("a sample", "USING SAMPLE", by, "filter by a hash of the keys"),
  LOGICAL_UNION: united,
  LOGICAL_EXCEPT: compared,
  LOGICAL_INTERSECT: compared,
  LOGICAL_CROSS_PRODUCT: joined,
  LOGICAL_COMPARISON_JOIN: joined,
  LOGICAL_ANY_JOIN: joined,
  LOGICAL_ASOF_JOIN: joined,
  LOGICAL_DELIM_JOIN: joined,
  LOGICAL_MATERIALIZED_CTE: (node, [, rows]) => rows ?? unknownNode(node),
  LOGICAL_CTE_REF: (node, _, { tables }) => tables.get(Number(node.get("cte_index"))) ?? unknownNode(node),
  LOGICAL_RECURSIVE_CTE: repeated,
};

/**
 * Returns our own SELECT of the plan that {@link rowsByKey} reads, as JSON. The JSON has empty
 * lists, too: `ROLLUP` has an empty grouping set.
 */
export function planSelect(sql: string): string {
  const options = "skip_null := true, skip_empty := false, skip_default := false, optimize := false";
  return `SELECT json_serialize_plan(${quoteLiteral(sql)}, ${options}) AS plan`;
}

/**
 * Returns the rows of a statement's plan: `dealt` if it can run over the rows of some keys at a time.
 *
 * @param change changes the rules. Default: not at all
 */
export function rowsByKey(
  plan: BoundNode,
  by: ByKey,
  change: (rules: Scope["rules"]) => Scope["rules"] = (rules) => rules,
): Rows {
  return rowsOf(plan, { by, rules: change(RULES), outer: null, filter: null, tables: new Map(), depth: 0 });
}

function rowsOf(node: BoundNode, scope: Scope): Rows {
  const type = node.text("type");
  const rule = Object.hasOwn(scope.rules, type) ? scope.rules[type] : undefined;
  if (rule === undefined || scope.depth > DEPTH_LIMIT) return unknownNode(node);
  const inputs: SeenRows[] = [];
  for (const child of node.nodes("children")) {
    const filter = type === "LOGICAL_FILTER" ? node : null;
    const rows = rowsOf(child, { ...scopeOf(node, inputs, scope), filter, depth: scope.depth + 1 });
    if (!isSeen(rows)) return rows;
    inputs.push(rows);
  }
  return rule(node, inputs, scope);
}

/** Returns the scope of a node's next child: some nodes give the rows of their first child to the second. */
function scopeOf(node: BoundNode, [first]: readonly SeenRows[], scope: Scope): Scope {
  if (first === undefined) return scope;
  const type = node.text("type");
  if (type === "LOGICAL_DELIM_JOIN") return { ...scope, outer: correlated(node, first) };
  if (type !== "LOGICAL_MATERIALIZED_CTE" && type !== "LOGICAL_RECURSIVE_CTE") return scope;
  return { ...scope, tables: new Map(scope.tables).set(Number(node.get("table_index")), first) };
}

/**
 * Returns the rows for which a correlated subquery runs: the distinct values of the outer query's columns. If
 * they have the keys, they are dealt as the outer rows are. Otherwise all of their columns are keys of
 * their own. The subquery's rows for one of these values are the same in every part.
 */
function correlated(node: BoundNode, outer: SeenRows): SeenRows {
  const columns = node.nodes("duplicate_eliminated_columns");
  const width = columns.length;
  if (outer.kind === "same") return sameRows(width);
  const keys = outer.keys.map((places) => placesOf(columns, places));
  if (keys.every((places) => places.length > 0)) return { ...outer, width, keys };
  return { kind: "dealt", owner: node, width, keys: columns.map((_, place) => [place]) };
}

function scanned(node: BoundNode, [input]: readonly SeenRows[], { by }: Scope): Rows {
  // The function reads columns of the rows before it.
  if (input !== undefined) return unknownNode(node);
  const columns = node.nodes("column_indexes").map((column) => Number(column.get("index")));
  // A scan without columns has one, the number of the row.
  const width = Math.max(1, columns.length);
  if (node.node("function_data").text("table").toLowerCase() !== by.table) return sameRows(width);
  const names = node.get("names");
  const nameAt = (index: number): unknown => (Array.isArray(names) ? names[index] : undefined);
  const keys = by.columns.map((key) =>
    columns.flatMap((index, place) => {
      const name = nameAt(index);
      return typeof name === "string" && name.toLowerCase() === key.toLowerCase() ? [place] : [];
    }),
  );
  return { kind: "dealt", owner: null, width, keys };
}

function listed(node: BoundNode, [input]: readonly SeenRows[]): Rows {
  if (input?.kind === "dealt") return unknownNode(node);
  return sameRows(node.nodes("expr_types").length);
}

function projected(node: BoundNode, [input = NOTHING]: readonly SeenRows[]): Rows {
  const columns = node.nodes("expressions");
  const width = columns.length;
  if (input.kind === "same") return sameRows(width);
  return { ...input, width, keys: input.keys.map((places) => placesOf(columns, places)) };
}

function passed(node: BoundNode, [input = NOTHING]: readonly SeenRows[]): Rows {
  const selects = [node.get("projection_map"), node.get("projections")].some(
    (map) => Array.isArray(map) && map.length > 0,
  );
  return selects ? unknownNode(node) : input;
}

function unnested(node: BoundNode, [input = NOTHING]: readonly SeenRows[]): Rows {
  return { ...input, width: input.width + node.nodes("expressions").length };
}

function windowed(node: BoundNode, [input = NOTHING]: readonly SeenRows[], { by }: Scope): Rows {
  const windows = node.nodes("expressions");
  const wrong = windows.find((window) => !namesKeys(input, window.nodes("partitions")));
  if (wrong === undefined) return { ...input, width: input.width + windows.length };
  const partitions = namesOf(wrong.nodes("partitions"));
  const name =
    wrong.text("name") ||
    wrong
      .text("type")
      .replace(/^WINDOW_/, "")
      .toLowerCase();
  const over = partitions === "" ? "" : `PARTITION BY ${partitions}`;
  const found = `${name}(...) OVER (${over})`;
  return needsAll("a window", found, by, "add all columns of `by` to its PARTITION BY");
}

function grouped(node: BoundNode, [input = NOTHING]: readonly SeenRows[], { by }: Scope): Rows {
  const groups = node.nodes("groups");
  const made = node.nodes("expressions").length + lengthOf(node.get("grouping_functions"));
  const width = groups.length + made;
  if (input.kind === "same") return sameRows(width);
  if (groups.length === 0) {
    const hint = "add GROUP BY with all columns of `by` (a scalar subquery aggregates, too)";
    return needsAll("an aggregate", "no GROUP BY", by, hint);
  }
  const sets = groupingSets(node, groups.length);
  const keys = input.keys.map((places) =>
    placesOf(groups, places).filter((place) => sets.every((set) => set.includes(place))),
  );
  if (keys.every((places) => places.length > 0)) return { ...input, width, keys };
  const found = `${sets.length > 1 ? "grouping sets of" : "GROUP BY"} ${namesOf(groups)}`;
  return needsAll("a group", found, by, "add all columns of `by` to it, as they are");
}

/** Returns the places of the groups in each grouping set. */
function groupingSets(node: BoundNode, count: number): readonly (readonly number[])[] {
  const sets = node.get("grouping_sets");
  if (!Array.isArray(sets) || sets.length === 0) return [Array.from({ length: count }, (_, place) => place)];
  return sets.map((set: unknown) => (Array.isArray(set) ? set.map(Number) : []));
}

function deduplicated(node: BoundNode, [input = NOTHING]: readonly SeenRows[], { by }: Scope): Rows {
  const targets = node.nodes("distinct_targets");
  if (namesKeys(input, targets)) return input;
  const on = node.text("distinct_type") === "DISTINCT_ON" ? "DISTINCT ON" : "DISTINCT";
  const found = `${on} (${namesOf(targets)})`;
  return needsAll("DISTINCT", found, by, "add all columns of `by` to it, as they are");
}

function limited(_: BoundNode, [input = NOTHING]: readonly SeenRows[], { by }: Scope): Rows {
  if (input.kind === "same") return input;
  const hint = "number the rows of each key with a window (EXISTS and scalar subqueries limit rows, too)";
  return needsAll("a limit", "LIMIT or OFFSET", by, hint);
}

function repeated(node: BoundNode, inputs: readonly SeenRows[], { by }: Scope): Rows {
  if (inputs.every(({ kind }) => kind === "same")) return sameRows(Number(node.get("column_count")));
  return needsAll("a recursive query", "WITH RECURSIVE", by, "read the table outside the recursive query");
}

function united(node: BoundNode, inputs: readonly SeenRows[], scope: Scope): Rows {
  return node.get("setop_all") === true ? aligned(inputs, scope) : compared(node, inputs, scope);
}

/** Returns the rows of a set operation that compares whole rows: they must contain the keys. */
function compared(node: BoundNode, inputs: readonly SeenRows[], scope: Scope): Rows {
  const [first = NOTHING, ...others] = inputs;
  const subtracts = node.text("type") !== "LOGICAL_UNION";
  const rest = subtracts ? others.filter(({ kind }) => kind === "dealt") : others;
  const rows = aligned([first, ...rest], scope);
  if (!isSeen(rows) || namesKeys(rows, null)) return rows;
  const found = `${node.text("type").replace("LOGICAL_", "")} of rows without them in the same places`;
  return needsAll("a set operation", found, scope.by, "select all columns of `by` on both sides");
}

/** Returns the rows of several tables one below the other. A key is where all of them have it. */
function aligned([first = NOTHING, ...others]: readonly SeenRows[], { by }: Scope): Rows {
  let rows = first;
  for (const other of others) {
    if (rows.kind === "same" && other.kind === "same") continue;
    if (rows.kind === "same" || other.kind === "same" || rows.owner !== other.owner) {
      const found = `one side that does not read \`${by.table}\``;
      return needsAll("a set operation", found, by, `read \`${by.table}\` on both sides`);
    }
    const { keys } = other;
    rows = {
      ...rows,
      keys: rows.keys.map((places, key) => places.filter((place) => keys[key]?.includes(place))),
    };
  }
  return rows;
}

/** Checks that expressions name all keys, as they are. Null: all columns of the rows. */
function namesKeys(rows: SeenRows, expressions: readonly BoundNode[] | null): boolean {
  if (rows.kind === "same") return true;
  return rows.keys.every((places) =>
    expressions === null ? places.length > 0 : placesOf(expressions, places).length > 0,
  );
}

/** Returns the places of the expressions that are one of the columns at `places`. */
function placesOf(expressions: readonly BoundNode[], places: readonly number[]): readonly number[] {
  return expressions.flatMap((expression, place) =>
    expression.text("expression_class") === "BOUND_REF" && places.includes(Number(expression.get("index")))
      ? [place]
      : [],
  );
}

function namesOf(expressions: readonly BoundNode[]): string {
  return expressions.map((each) => each.text("alias") || each.text("name") || "an expression").join(", ");
}

function lengthOf(value: unknown): number {
  return Array.isArray(value) ? value.length : 0;
}
