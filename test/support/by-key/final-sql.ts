import type { Choices } from "./choices.ts";
import {
  blurred,
  type Column,
  chosen,
  type Grammar,
  type Item,
  items,
  type Kind,
  listOf,
  type Query,
  type Source,
} from "./columns.ts";

/** Columns of the divided table. `u` is unique. */
export const PARTIALS = [
  { name: "k", kind: "int" },
  { name: "t", kind: "text" },
  { name: "d", kind: "double" },
  { name: "n", kind: "int" },
  { name: "u", kind: "int" },
] as const satisfies Query["columns"];
/** Columns of a table that all parts have. */
export const SIDE = [
  { name: "k", kind: "int" },
  { name: "t", kind: "text" },
  { name: "x", kind: "int" },
] as const satisfies Query["columns"];

/**
 * Makes a SELECT over `partials`, and perhaps `side`. Its rows do not depend on the order in which tables are
 * read. Aggregates are of integers, and windows order by all columns.
 */
export function finalSql(choose: Choices, by: readonly string[]): string {
  let count = 0;
  const fresh = (): string => {
    count += 1;
    return `c${count}`;
  };
  const grammar: Grammar = { choose, by, tables: [], fresh };
  const { sql } = query(grammar, 2);
  return choose.rarely(6) ? `SELECT * FROM (${sql}) ORDER BY ALL` : sql;
}

function query(grammar: Grammar, depth: number): Query {
  const { choose, fresh } = grammar;
  if (depth > 0 && choose.rarely(6)) return setOperation(grammar, depth - 1);
  if (depth > 0 && choose.rarely(6)) {
    const inner = query(grammar, depth - 1);
    const name = fresh();
    const tables = [...grammar.tables, { name, columns: inner.columns }];
    const outer = select({ ...grammar, tables }, depth - 1);
    return { ...outer, sql: `WITH ${name} AS (${inner.sql}) ${outer.sql}` };
  }
  return select(grammar, depth);
}

function setOperation(grammar: Grammar, depth: number): Query {
  const { choose, by } = grammar;
  const operation = choose.pick(["UNION ALL", "UNION", "EXCEPT", "INTERSECT", "EXCEPT ALL", "INTERSECT ALL"]);
  if (choose.rarely(3)) {
    const columns = SIDE.slice(0, 2);
    const side = (table: string) => `SELECT k, t FROM ${table} WHERE ${choose.pick(["true", "k > 0"])}`;
    const tables = choose.pick([
      ["partials", "side"],
      ["side", "partials"],
      ["partials", "partials"],
    ]);
    return { sql: tables.map(side).join(` ${operation} `), columns };
  }
  const named = PARTIALS.filter(({ name }) => by.includes(name) || choose.rarely(3));
  const columns = named.length === 0 || choose.rarely(6) ? [PARTIALS[3]] : named;
  const list = columns.map(({ name }) => name).join(", ");
  const side = () => {
    const { sql, columns: all } = source(grammar, depth, "whole");
    const refs = columns.map(({ name }) => all.find((column) => column.name === name)?.ref ?? "NULL");
    const swapped = choose.rarely(8) ? refs.toReversed() : refs;
    return `SELECT ${swapped.join(", ")} FROM ${sql} WHERE ${predicate(grammar, all, 0)}`;
  };
  return { sql: `SELECT ${list} FROM (${side()} ${operation} ${side()}) s(${list})`, columns };
}

/** @param shape `whole`: with all columns of `partials` */
function source(grammar: Grammar, depth: number, shape: "any" | "whole" = "any"): Source {
  const { choose } = grammar;
  if (shape === "whole" || choose.below(3) > 0 || depth === 0) return table(grammar, shape);
  if (choose.rarely(2)) return join(grammar, depth - 1);
  const inner = query(grammar, depth - 1);
  return aliased(grammar, `(${inner.sql})`, inner.columns);
}

function table(grammar: Grammar, shape: "any" | "whole"): Source {
  const { choose, tables } = grammar;
  const last = tables.at(-1);
  if (shape === "any" && last !== undefined && choose.below(3) > 0)
    return aliased(grammar, last.name, last.columns);
  if (shape === "any" && choose.rarely(8)) return aliased(grammar, "side", SIDE);
  return aliased(grammar, "partials", PARTIALS);
}

function aliased({ fresh }: Grammar, sql: string, columns: Query["columns"]): Source {
  const alias = fresh();
  return {
    sql: `${sql} ${alias}`,
    columns: columns.map(({ name, kind }) => ({ ref: `${alias}.${name}`, name, kind })),
  };
}

function join(grammar: Grammar, depth: number): Source {
  const { choose } = grammar;
  const [left, right] = [source(grammar, depth), choose.rarely(3) ? side(grammar) : source(grammar, depth)];
  const sides = choose.rarely(8) ? [right, left] : [left, right];
  const [first = left, second = right] = sides;
  const type = choose.pick([
    "JOIN",
    "LEFT JOIN",
    "SEMI JOIN",
    "ANTI JOIN",
    "RIGHT JOIN",
    "FULL JOIN",
    "CROSS JOIN",
  ]);
  const keepsRight = type !== "SEMI JOIN" && type !== "ANTI JOIN";
  const columns = keepsRight ? [...first.columns, ...second.columns] : first.columns;
  if (type === "CROSS JOIN") return { sql: `${first.sql} CROSS JOIN ${second.sql}`, columns };
  return { sql: `${first.sql} ${type} ${second.sql} ON ${joinCondition(grammar, first, second)}`, columns };
}

function side(grammar: Grammar): Source {
  return aliased(grammar, "side", SIDE);
}

function joinCondition({ choose, by }: Grammar, left: Source, right: Source): string {
  const pairs = left.columns.flatMap((one) =>
    right.columns
      .filter(({ name, kind }) => name === one.name && kind === one.kind)
      .map((other) => [one, other]),
  );
  const equals = choose.pick(["=", "IS NOT DISTINCT FROM"]);
  const chosen = pairs.filter(([one]) => by.includes(one?.name ?? "") !== choose.rarely(6));
  if (chosen.length === 0) return choose.pick(["true", "1 = 1"]);
  return chosen.map(([one, other]) => `${one?.ref} ${equals} ${other?.ref}`).join(" AND ");
}

function columnOf({ choose }: Grammar, columns: readonly Column[], kind: Kind): string | null {
  const fitting = columns.filter((column) => column.kind === kind);
  return fitting[choose.below(Math.max(1, fitting.length))]?.ref ?? null;
}

function predicate(grammar: Grammar, columns: readonly Column[], depth: number): string {
  const { choose, fresh } = grammar;
  const int = columnOf(grammar, columns, "int");
  if (int === null || choose.below(2) === 0) return "true";
  const simple = `${int} ${choose.pick([">", "<=", "<>"])} ${choose.below(4)}`;
  if (depth === 0 || choose.below(2) === 0) return simple;
  const inner = aliased(grammar, choose.pick(["partials", "side"]), choose.pick([SIDE.slice(0, 2)]));
  const other = columnOf(grammar, inner.columns, "int") ?? "1";
  const key = columns.find(({ name, kind }) => name === "k" && kind === "int")?.ref ?? int;
  const text = columnOf(grammar, columns, "text");
  const correlated = [`${inner.columns[0]?.ref} = ${key}`];
  if (text !== null && choose.rarely(2)) correlated.push(`${inner.columns[1]?.ref} = ${text}`);
  const where = choose.rarely(2) ? "true" : correlated.join(" AND ");
  const not = choose.pick(["", "NOT "]);
  return choose.pick([
    `${not}EXISTS (SELECT 1 FROM ${inner.sql} WHERE ${where})`,
    `${int} ${not}IN (SELECT ${other} FROM ${inner.sql})`,
    `${int} ${not}IN (SELECT ${other} FROM ${inner.sql} WHERE ${where})`,
    `${int} >= (SELECT max(${other}) FROM ${inner.sql} WHERE ${where})`,
    `(SELECT count(*) AS ${fresh()} FROM ${inner.sql} WHERE ${where}) > 1`,
  ]);
}

function select(grammar: Grammar, depth: number): Query {
  const { choose } = grammar;
  const from = source(grammar, depth);
  const where = `WHERE ${predicate(grammar, from.columns, 1)}`;
  const form = choose.pick([grouped, grouped, windowed, distinct, plain, plain]);
  const made = form(grammar, from, where);
  if (!choose.rarely(14)) return made;
  return { ...made, sql: `SELECT * FROM (${made.sql}) ORDER BY ALL LIMIT ${1 + choose.below(3)}` };
}

function plain(grammar: Grammar, { sql, columns }: Source, where: string): Query {
  const list = listOf(
    grammar,
    items(chosen(grammar, columns)).map((item) => blurred(grammar, item)),
  );
  return { ...list, sql: `SELECT ${list.sql} FROM ${sql} ${where}` };
}

function distinct(grammar: Grammar, { sql, columns }: Source, where: string): Query {
  const { choose } = grammar;
  const list = listOf(
    grammar,
    items(chosen(grammar, columns)).map((item) => blurred(grammar, item)),
  );
  if (choose.rarely(2)) return { ...list, sql: `SELECT DISTINCT ${list.sql} FROM ${sql} ${where}` };
  const on = chosen(grammar, columns).map(({ ref }) => ref);
  const order = [...on, ...columns.map(({ ref }) => ref)].join(", ");
  return {
    ...list,
    sql: `SELECT DISTINCT ON (${on.join(", ")}) ${list.sql} FROM ${sql} ${where} ORDER BY ${order}`,
  };
}

function aggregates(grammar: Grammar, columns: readonly Column[]): readonly Item[] {
  const { choose } = grammar;
  const int = columnOf(grammar, columns, "int") ?? "1";
  const text = columnOf(grammar, columns, "text") ?? "'a'";
  return [
    choose.pick<Item>([
      { sql: "count(*)", kind: "int" },
      { sql: `sum(${int})::BIGINT`, kind: "int" },
      { sql: `count(DISTINCT ${text}) FILTER (WHERE ${int} > 0)`, kind: "int" },
    ]),
    choose.pick<Item>([
      { sql: `max(${int})`, kind: "int" },
      { sql: `bool_or(${int} > 1)`, kind: "bool" },
      { sql: `string_agg(${text}, ',' ORDER BY ${text})`, kind: "text" },
    ]),
  ];
}

function grouped(grammar: Grammar, { sql, columns }: Source, where: string): Query {
  const { choose } = grammar;
  const made = aggregates(grammar, columns);
  const having = choose.rarely(3) ? "HAVING count(*) > 1" : "";
  if (choose.rarely(14)) {
    const list = listOf(grammar, made);
    return { ...list, sql: `SELECT ${list.sql} FROM ${sql} ${where} ${having}` };
  }
  const keys = items(chosen(grammar, columns)).map((item) => blurred(grammar, item));
  const list = listOf(grammar, [...keys, ...made]);
  const written = keys.map((key) => key.sql).join(", ");
  const by = choose.pick([
    "ALL",
    written,
    keys.map((_, at) => at + 1).join(", "),
    `GROUPING SETS ((${written}), (${keys[0]?.sql}))`,
    `ROLLUP (${written})`,
  ]);
  return { ...list, sql: `SELECT ${list.sql} FROM ${sql} ${where} GROUP BY ${by} ${having}` };
}

function windowed(grammar: Grammar, { sql, columns }: Source, where: string): Query {
  const { choose } = grammar;
  const partitions = choose.rarely(10) ? [] : chosen(grammar, columns).map(({ ref }) => ref);
  const partition = partitions.length === 0 ? "" : `PARTITION BY ${partitions.join(", ")}`;
  const order = `ORDER BY ${columns.map(({ ref }) => ref).join(", ")}`;
  const int = columnOf(grammar, columns, "int") ?? "1";
  const made: Item = choose.pick([
    { sql: `count(*) OVER (${partition})`, kind: "int" },
    { sql: `row_number() OVER (${partition} ${order})`, kind: "int" },
    { sql: `max(${int}) OVER (${partition} ${order})`, kind: "int" },
  ]);
  const list = listOf(grammar, [...items(chosen(grammar, columns)), made]);
  const qualify = choose.rarely(3) ? `QUALIFY ${list.columns.at(-1)?.name} <= 1` : "";
  return { ...list, sql: `SELECT ${list.sql} FROM ${sql} ${where} ${qualify}` };
}
