import type { Problem } from "../core/errors.ts";
import type { BoundNode } from "./bound-tree.ts";

/** Reduction by key whose statement is checked. */
export interface ByKey {
  /** Table that is divided, in lower case. All others are equal in all parts. */
  readonly table: string;
  /** Key columns of the table. */
  readonly columns: readonly string[];
}

/** Rows of a node of a plan that runs once for each part of the divided table. */
export type SeenRows =
  /** Equal in all parts. */
  | { readonly kind: "same"; readonly width: number }
  /** Each in one part: the part of its keys. All parts together have the rows of a plan over everything. */
  | {
      readonly kind: "dealt";
      /** Number of columns. */
      readonly width: number;
      /** Owner of the keys. Null: the divided table. Otherwise: the join of a correlated subquery. */
      readonly owner: BoundNode | null;
      /** Columns that hold each key unchanged. Without any, no later node can name the key. */
      readonly keys: readonly (readonly number[])[];
    };

/** Rows that are seen, or the reason why they depend on the division. */
export type Rows = SeenRows | { readonly kind: "refused"; readonly problem: Omit<Problem, "where"> };

export interface Scope {
  readonly by: ByKey;
  readonly rules: Readonly<Record<string, Rule>>;
  /** Rows for which the correlated subquery around the node runs. Null: there is none. */
  readonly outer: SeenRows | null;
  /** Filter right above the node. Null: there is none. */
  readonly filter: BoundNode | null;
  /** Rows of common table expressions, by their index in the plan. */
  readonly tables: ReadonlyMap<number, SeenRows>;
  readonly depth: number;
}

/** Returns a node's rows, given those of its children. */
export type Rule = (node: BoundNode, inputs: readonly SeenRows[], scope: Scope) => Rows;

/** Rows of a missing child. */
export const NOTHING: SeenRows = { kind: "same", width: 0 };

export function sameRows(width: number): SeenRows {
  return { kind: "same", width };
}

export function isSeen(rows: Rows): rows is SeenRows {
  return rows.kind !== "refused";
}

/**
 * @param what part of the statement that would have to see all rows: `a window`
 * @param found that part, as the user wrote it
 */
export function needsAll(what: string, found: string, { columns }: ByKey, hint: string): Rows {
  const keys = columns.map((column) => `\`${column}\``).join(", ");
  return {
    kind: "refused",
    problem: {
      what: `the rows of a key are in one part, but ${what} without all keys needs the rows of all parts`,
      expected: `all columns of \`by\`: ${keys}`,
      found,
      hint: `${hint}, or remove \`by\``,
    },
  };
}

/** Refuses a node that no rule knows. */
export function unknownNode(node: BoundNode): Rows {
  const name = node.text("type").replace("LOGICAL_", "").replaceAll("_", " ");
  return {
    kind: "refused",
    problem: {
      what: "the check cannot follow the keys through a part of the statement",
      expected: "SELECT with GROUP BY, DISTINCT, windows, joins, subqueries and WITH",
      found: name === "" ? "an unknown part" : name,
      hint: "write it another way, or remove `by`",
    },
  };
}
