import type { Choices } from "./choices.ts";

export type Kind = "int" | "text" | "double" | "bool";

export interface Column {
  /** Reference in SQL: `a1.k`. */
  readonly ref: string;
  readonly name: string;
  readonly kind: Kind;
}

export interface Source {
  readonly sql: string;
  readonly columns: readonly Column[];
}

export interface Query {
  readonly sql: string;
  readonly columns: readonly { readonly name: string; readonly kind: Kind }[];
}

export interface Grammar {
  readonly choose: Choices;
  /** Key columns, which are chosen more often than others. */
  readonly by: readonly string[];
  /** Common table expressions in scope. */
  readonly tables: readonly { readonly name: string; readonly columns: Query["columns"] }[];
  /** Makes a new name. */
  readonly fresh: () => string;
}

/** Chooses columns, keys more often than others, and names each anew. */
export function chosen(grammar: Grammar, columns: readonly Column[]): readonly Column[] {
  const { choose, by } = grammar;
  const picked = columns.filter(({ name }) => (by.includes(name) ? !choose.rarely(8) : choose.rarely(3)));
  return picked.length > 0 ? picked : columns.slice(0, 1);
}

export interface Item {
  readonly sql: string;
  readonly kind: Kind;
  /** Name that the column should have. Undefined: a new one. */
  readonly name?: string;
}

/** Writes a list of columns with distinct names. */
export function listOf({ choose, fresh }: Grammar, items: readonly Item[]): Query {
  const taken = new Set<string>();
  const columns = items.map(({ name, kind }) => {
    const own = name === undefined || taken.has(name) || choose.rarely(5) ? fresh() : name;
    taken.add(own);
    return { name: own, kind };
  });
  return { sql: items.map(({ sql }, at) => `${sql} AS ${columns[at]?.name}`).join(", "), columns };
}

export function items(columns: readonly Column[]): readonly Item[] {
  return columns.map(({ ref, name, kind }) => ({ sql: ref, name, kind }));
}

/** Returns a column, or rarely an expression over it that loses a key. It keeps the column's name. */
export function blurred({ choose }: Grammar, item: Item): Item {
  if (!choose.rarely(5)) return item;
  if (item.kind === "int") return { ...item, sql: `${item.sql} % 2` };
  if (item.kind === "text") return { ...item, sql: `coalesce(${item.sql}, 'a')` };
  return item;
}
