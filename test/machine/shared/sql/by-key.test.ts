import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { present } from "../../../../shared/core/assert.ts";
import { BUCKETS } from "../../../../shared/domain/buckets.ts";
import { BoundNode, boundPlan } from "../../../../shared/sql/bound-tree.ts";
import { planSelect, rowsByKey } from "../../../../shared/sql/by-key.ts";
import { type Rule, type Scope, sameRows } from "../../../../shared/sql/by-key-rows.ts";
import { choicesOf } from "../../../support/by-key/choices.ts";
import { finalSql } from "../../../support/by-key/final-sql.ts";

/** Runs of the property. */
const RUNS = 400;
/** Most runs of the search for a planted bug. It ends when the bug is found. */
const SEARCH_RUNS = 4_000;
const KEYS = [["k"], ["k", "t"], ["d"], ["t"]] as const;

let instance: DuckDBInstance;
let connection: DuckDBConnection;
beforeAll(async () => {
  instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  connection = await instance.connect();
  const columns = "k INTEGER, t VARCHAR, d DOUBLE, n INTEGER, u INTEGER";
  await connection.run(`CREATE TABLE partials (${columns})`);
  await connection.run("CREATE TABLE side (k INTEGER, t VARCHAR, x INTEGER)");
  await connection.run("INSERT INTO side VALUES (0, 'a', 1), (1, 'b', 2), (1, NULL, 3), (NULL, 'a', 4)");
});
afterAll(() => {
  connection.disconnectSync();
  instance.closeSync();
});

const row = fc.record({
  k: fc.constantFrom("NULL", "0", "1", "2"),
  t: fc.constantFrom("NULL", "'a'", "'b'", "''"),
  d: fc.constantFrom("NULL", "0.0", "-0.0", "'NaN'", "1.5").map((value) => `${value}::DOUBLE`),
  n: fc.integer({ min: 0, max: 3 }),
});
const trial = fc.record({
  choices: fc.array(fc.nat(10_000), { minLength: 80, maxLength: 80 }),
  by: fc.constantFrom(...KEYS),
  rows: fc.array(row, { minLength: 6, maxLength: 14 }),
  cuts: fc.array(fc.nat(BUCKETS), { minLength: 2, maxLength: 5 }),
  order: fc.nat(1_000),
});
type Trial = typeof trial extends fc.Arbitrary<infer T> ? T : never;

type Change = (rules: Scope["rules"]) => Scope["rules"];

/** Judges a statement. Null: DuckDB cannot bind it. */
async function verdictOf(sql: string, by: readonly string[], change?: Change): Promise<string | null> {
  const json = String((await connection.runAndReadAll(planSelect(sql))).getRows()[0]?.[0]);
  const plan = boundPlan(json);
  return plan === null ? null : rowsByKey(plan, { table: "partials", columns: by }, change).kind;
}

/** Returns the rows of a statement, sorted. Null: it fails. */
async function rowsOf(sql: string): Promise<readonly string[] | null> {
  try {
    const rows = (await connection.runAndReadAll(sql)).getRows();
    return rows.map((values) =>
      values.map((value) => (Object.is(value, -0) ? "0" : String(value))).join("|"),
    );
  } catch {
    return null;
  }
}

async function fill(where: string, order: string): Promise<void> {
  const select = `SELECT k, t, d, n, u FROM everything WHERE ${where} ORDER BY ${order}`;
  await connection.run(`CREATE OR REPLACE TABLE partials AS ${select}`);
}

/** Compares the results of parts with the result over everything, for rows in another order. */
async function holds(sql: string, { by, rows, cuts, order }: Trial): Promise<boolean> {
  const values = rows.map(({ k, t, d, n }, u) => `(${k}, ${t}, ${d}, ${n}, ${u})`).join(", ");
  const bucket = `(hash(${by.join(", ")}) >> 52)::SMALLINT AS bucket`;
  const typed = "k::INTEGER AS k, t::VARCHAR AS t, d::DOUBLE AS d, n::INTEGER AS n, u::INTEGER AS u";
  const table = `SELECT ${typed} FROM (VALUES ${values}) v(k, t, d, n, u)`;
  await connection.run(`CREATE OR REPLACE TABLE everything AS SELECT *, ${bucket} FROM (${table})`);
  await fill("true", "u");
  const whole = await rowsOf(sql);
  if (whole === null) return true;
  const bounds = [0, ...cuts.toSorted((a, b) => a - b), BUCKETS];
  const parts: string[] = [];
  for (const [at, from] of bounds.slice(0, -1).entries()) {
    await fill(`bucket >= ${from} AND bucket < ${bounds[at + 1]}`, `hash(u + ${order})`);
    const part = await rowsOf(sql);
    if (part === null) return false;
    parts.push(...part);
  }
  return JSON.stringify(parts.toSorted()) === JSON.stringify(whole.toSorted());
}

test("a final that passes gives the same rows in any division by keys and in any order of rows", async () => {
  const counts = { dealt: 0, same: 0, refused: 0, unbound: 0 };
  await fc.assert(
    fc.asyncProperty(trial, async (given) => {
      const sql = finalSql(choicesOf(given.choices), given.by);
      const verdict = await verdictOf(sql, given.by);
      counts[verdict === null ? "unbound" : (verdict as keyof typeof counts)] += 1;
      if (verdict === "dealt") expect(await holds(sql, given), sql).toBe(true);
    }),
    { numRuns: RUNS },
  );
  // A grammar whose statements are mostly refused or invalid would prove little.
  expect(counts.dealt / (counts.dealt + counts.same + counts.refused)).toBeGreaterThan(0.3);
  expect(counts.unbound / RUNS).toBeLessThan(0.1);
});

/** Applies the right rule, which the scope of a changed one holds under another name. */
function ruleOf(type: string): Rule {
  return (node, inputs, scope) => present(scope.rules[`right ${type}`], type)(node, inputs, scope);
}

/** Accepts what the rule refuses, and lets the first input's rows through, with no key to name. */
function accepting(type: string): Rule {
  return (node, inputs, scope) => {
    const rows = ruleOf(type)(node, inputs, scope);
    const dealt = inputs.find(({ kind }) => kind === "dealt");
    if (rows.kind !== "refused" || dealt?.kind !== "dealt") return rows;
    return { ...dealt, width: 1_000, keys: dealt.keys.map(() => []) };
  };
}

/** Lets the first input's rows through with their keys, whatever the node does. */
function passing(type: string): Rule {
  return (node, inputs, scope) => {
    const rows = ruleOf(type)(node, inputs, scope);
    return rows.kind === "refused" ? (inputs[0] ?? rows) : rows;
  };
}

/** Returns the first column of an expression, as if there were nothing around it. */
function bare(expression: unknown): unknown {
  if (typeof expression !== "object" || expression === null) return null;
  if (Reflect.get(expression, "expression_class") === "BOUND_REF") return expression;
  return (
    Object.values(expression)
      .map(bare)
      .find((inner) => inner !== null) ?? null
  );
}

/** Applies the rule to a node whose expressions at `key` are bare columns. */
function unwrapping(type: string, key: string): Rule {
  return (node, inputs, scope) => {
    const list = node.get(key);
    const kept = ["expressions", "grouping_sets", "grouping_functions"].map((name) => [name, node.get(name)]);
    const columns = Array.isArray(list) ? list.map((each: unknown) => bare(each) ?? each) : [];
    return ruleOf(type)(new BoundNode({ type, ...Object.fromEntries(kept), [key]: columns }), inputs, scope);
  };
}

/** Planted bugs: rules that are wrong. */
const BUGS: Readonly<Record<string, Readonly<Record<string, Rule>>>> = {
  "windows are ignored": { LOGICAL_WINDOW: accepting("LOGICAL_WINDOW") },
  "limits are ignored": { LOGICAL_LIMIT: passing("LOGICAL_LIMIT") },
  "GROUP BY may lack a key": { LOGICAL_AGGREGATE_AND_GROUP_BY: accepting("LOGICAL_AGGREGATE_AND_GROUP_BY") },
  "DISTINCT may lack a key": { LOGICAL_DISTINCT: passing("LOGICAL_DISTINCT") },
  "an aggregate without GROUP BY is equal in all parts, as are scalar subqueries": {
    LOGICAL_AGGREGATE_AND_GROUP_BY: (node, inputs, scope) =>
      node.nodes("groups").length === 0
        ? sameRows(node.nodes("expressions").length)
        : ruleOf("LOGICAL_AGGREGATE_AND_GROUP_BY")(node, inputs, scope),
  },
  "a key may be lacking in a grouping set": {
    LOGICAL_AGGREGATE_AND_GROUP_BY: (node, inputs, scope) => {
      const [groups, expressions] = [node.get("groups"), node.get("expressions")];
      const all = new BoundNode({ type: node.text("type"), groups, expressions });
      return ruleOf("LOGICAL_AGGREGATE_AND_GROUP_BY")(all, inputs, scope);
    },
  },
  "joins of the table with itself need no keys": {
    LOGICAL_COMPARISON_JOIN: accepting("LOGICAL_COMPARISON_JOIN"),
    LOGICAL_CROSS_PRODUCT: accepting("LOGICAL_CROSS_PRODUCT"),
  },
  "a subquery of IN or EXISTS sees all rows": {
    LOGICAL_COMPARISON_JOIN: (node, inputs, scope) => {
      const isMark = node.text("join_type") === "MARK";
      const rule = (isMark ? accepting : ruleOf)("LOGICAL_COMPARISON_JOIN");
      return rule(node, inputs, scope);
    },
  },
  "UNION ALL with another table repeats nothing": { LOGICAL_UNION: accepting("LOGICAL_UNION") },
  "EXCEPT and INTERSECT may lack a key": {
    LOGICAL_EXCEPT: accepting("LOGICAL_EXCEPT"),
    LOGICAL_INTERSECT: accepting("LOGICAL_INTERSECT"),
  },
  "an expression over a key is the key": {
    LOGICAL_PROJECTION: unwrapping("LOGICAL_PROJECTION", "expressions"),
    LOGICAL_AGGREGATE_AND_GROUP_BY: unwrapping("LOGICAL_AGGREGATE_AND_GROUP_BY", "groups"),
  },
};

test.for(Object.entries(BUGS))("the property finds the planted bug: %s", async ([, bug]) => {
  const change: Change = (rules) => ({
    ...rules,
    ...Object.fromEntries(Object.entries(rules).map(([type, rule]) => [`right ${type}`, rule])),
    ...bug,
  });
  const found = await fc.check(
    fc.asyncProperty(trial, async (given) => {
      const sql = finalSql(choicesOf(given.choices), given.by);
      // A statement that the right rules accept needs no trial: the property above judges those.
      if ((await verdictOf(sql, given.by, change)) !== "dealt") return true;
      return (await verdictOf(sql, given.by)) === "dealt" || (await holds(sql, given));
    }),
    { numRuns: SEARCH_RUNS, seed: 2, endOnFailure: true },
  );
  expect(String(found.errorInstance)).toContain("returning false");
});
