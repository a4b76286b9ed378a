import type { Problem } from "../../shared/core/errors.ts";
import { didYouMean } from "../../shared/core/nearest.ts";
import { BUCKET_COLUMN } from "../../shared/domain/buckets.ts";
import { boundPlan } from "../../shared/sql/bound-tree.ts";
import { planSelect, rowsByKey } from "../../shared/sql/by-key.ts";
import { quoteIdentifier } from "../../shared/sql/quote.ts";
import type { SqlDatabase } from "../../shared/sql/sql-database.ts";
import type { SqlSource } from "../../shared/sql/sql-error.ts";

const NUMBERS = "U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DECIMAL\\(\\d+, ?\\d+\\)|FLOAT|DOUBLE";
const TIMES = "DATE|TIME|TIME_NS|TIMESTAMP|TIMESTAMP_(S|MS|NS)|TIMESTAMP WITH TIME ZONE";
/** Types whose equal values have equal hashes in DuckDB: `0.0` and `-0.0`, and all NaNs, too. */
const KEY_TYPE = new RegExp(`^(${NUMBERS}|${TIMES}|BOOLEAN|VARCHAR|BLOB|UUID)$`);
const KEY_TYPES = "a number, text, bool, date, time, timestamp, UUID or blob";

interface KeyedFinal {
  readonly final: SqlSource;
  /** Key path of the key columns in the job file. */
  readonly where: string;
  readonly by: readonly string[];
  /** Table that `final` reads: a table of the database without rows. */
  readonly table: string;
}

/**
 * Checks the keys of a reduction, and that its valid `final` gives the same rows in parts (see
 * {@link rowsByKey}).
 */
export async function byKeyProblems(database: SqlDatabase, keyed: KeyedFinal): Promise<readonly Problem[]> {
  const { final, where, by, table } = keyed;
  const described = await database.rows(`DESCRIBE ${quoteIdentifier(table)}`);
  const columns = described.map(({ column_name, column_type }) => ({
    name: String(column_name),
    type: String(column_type),
  }));
  const problems = [
    ...reservedProblems(where, columns),
    ...by.flatMap((key) => keyProblem({ where, key, table }, columns) ?? []),
  ];
  if (problems.length > 0) return problems;
  const [row] = await database.rows(planSelect(final.sql));
  const plan = boundPlan(String(row?.plan ?? "{}"));
  if (plan === null) return [{ where: final.where, ...UNREADABLE }];
  const rows = rowsByKey(plan, { table: table.toLowerCase(), columns: by });
  switch (rows.kind) {
    case "dealt":
      return [];
    case "same":
      return [{ where: final.where, ...unrelated(table) }];
    case "refused":
      return [{ where: final.where, ...rows.problem }];
  }
}

function unrelated(table: string): Omit<Problem, "where"> {
  const what = `does not return rows of \`${table}\`, so each part would repeat its rows`;
  return { what, expected: `a SELECT from \`${table}\``, hint: "remove `by`" };
}

const UNREADABLE = {
  what: "the check cannot read the statement's plan, so it cannot follow the keys",
  expected: "SELECT with GROUP BY, DISTINCT, windows, joins, subqueries and WITH",
  hint: "write it another way, or remove `by`",
} as const satisfies Omit<Problem, "where">;

interface Column {
  readonly name: string;
  readonly type: string;
}

function keyProblem(
  { where, key, table }: { readonly where: string; readonly key: string; readonly table: string },
  columns: readonly Column[],
): Problem | null {
  const column = columns.find(({ name }) => name.toLowerCase() === key.toLowerCase());
  const names = columns.map(({ name }) => name);
  if (column === undefined) {
    const expected = `a column of \`${table}\`: ${names.map((name) => `\`${name}\``).join(", ")}`;
    const what = `\`${table}\` has no such column`;
    return { where, what, expected, found: key, ...didYouMean(key, names) };
  }
  if (KEY_TYPE.test(column.type)) return null;
  const what = `\`${key}\` has a type that cannot be a key`;
  const hint = "cast it to another type in `combine`";
  return { where, what, expected: KEY_TYPES, found: column.type, hint };
}

function reservedProblems(where: string, columns: readonly Column[]): readonly Problem[] {
  const found = columns.find(({ name }) => name.toLowerCase() === BUCKET_COLUMN)?.name;
  if (found === undefined) return [];
  return [{ where, what: "a column has the name of Shardmill's own", expected: "another name", found }];
}
