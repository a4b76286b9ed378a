import { listNames } from "../core/list-names.ts";
import { didYouMean } from "../core/nearest.ts";
import type { Zod } from "../core/zod.ts";
import {
  CAST_HINT,
  type ColumnSource,
  columnName,
  MAX_NAMES,
  noNumbers,
  type SourceContext,
} from "./input-source.ts";

interface StackedColumnsBinding {
  readonly kind: "stack";
  readonly columns: readonly string[];
}

interface StackedColumnsSpec {
  readonly columns?: string | readonly string[];
}

/** Limit of listed names, so messages stay readable. */
const MOST_NAMES = 4;

/** Scalar columns that are stacked. Each gives one value of a row. */
export const stackedColumns = {
  kind: "stack",
  rows: "cells",
  key: "columns",
  keys: (z: Zod) => ({
    columns: z
      .union([columnName(z), z.array(columnName(z)).min(1).max(MAX_NAMES)])
      .exactOptional()
      .describe(
        "Several scalar columns as one input: a list of names, or one pattern such as `f*` (in schema order).",
      ),
  }),
  excludes: { keys: [], why: "use `columns` for several scalar columns, and `column` for one" },
  schema: (z: Zod) => z.object({ kind: z.literal("stack"), columns: z.array(z.string()).readonly() }),
  bind: ({ columns = [] }: StackedColumnsSpec, context) => {
    const names = typeof columns === "string" ? matching(columns, context) : columns;
    if (names === null) return null;
    const fits = names.map((name, index) =>
      isStackable(name, typeof columns === "string" ? ["columns"] : ["columns", index], context),
    );
    if (fits.includes(false)) return null;
    return {
      binding: { kind: "stack", columns: names },
      cell: { kind: "values", values: names.length },
      found: `${names.length} stacked columns (${listNames(names)})`,
    };
  },
  columns: ({ columns }) => columns,
  describe: ({ columns }) => {
    if (columns.length <= MOST_NAMES) return `columns ${columns.join(", ")}`;
    return `${columns.length} columns ${columns[0]}, ${columns[1]}, ..., ${columns.at(-1)}`;
  },
  marksPadding: () => false,
} as const satisfies ColumnSource<StackedColumnsBinding>;

/**
 * Checks whether a column can be stacked. False: it is missing or not a single number, and a problem is
 * reported.
 */
function isStackable(
  name: string,
  path: readonly (string | number)[],
  { isText, find, report }: SourceContext,
): boolean {
  const column = find(name, path);
  if (column === null) return false;
  if (column.kind === (isText ? "string" : "numeric")) return true;
  const what = `column \`${name}\` cannot be stacked`;
  report({
    path,
    part: "value",
    expected: isText ? "columns of one text a row" : "columns of one number a row",
    found: `\`${name}\`: ${column.type}`,
    ...(isText ? { what, hint: CAST_HINT } : noNumbers(column, what)),
  });
  return false;
}

/**
 * Returns the columns that match a pattern, in schema order. Null: there are none, and a problem is reported.
 */
function matching(pattern: string, { names, report }: SourceContext): readonly string[] | null {
  const matched = names.filter((name) => matchesPattern(name, pattern));
  if (matched.length > 0) return matched;
  report({
    path: ["columns"],
    part: "value",
    what: `no column matches \`${pattern}\``,
    expected: `columns of the input: ${listNames(names)}`,
    ...didYouMean(pattern, names),
  });
  return null;
}

/**
 * Checks whether a name matches a pattern with `*` and `?`. Greedy with one backtracking point, so linear in
 * practice for any pattern. A regular expression can take exponential time.
 */
function matchesPattern(name: string, pattern: string): boolean {
  let at = 0;
  let star = -1;
  let resume = 0;
  let next = 0;
  while (at < name.length) {
    if (pattern[next] === "*") {
      star = next;
      resume = at;
      next += 1;
    } else if (next < pattern.length && (pattern[next] === "?" || pattern[next] === name[at])) {
      next += 1;
      at += 1;
    } else if (star >= 0) {
      resume += 1;
      at = resume;
      next = star + 1;
    } else return false;
  }
  return /^\**$/.test(pattern.slice(next));
}
