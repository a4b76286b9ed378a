import { join } from "node:path";
import { isShardmillError, type Problem, ShardmillError } from "../../shared/core/errors.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { emptyTable } from "../../shared/sql/duckdb-types.ts";
import { parquetScan, quoteIdentifier } from "../../shared/sql/quote.ts";
import { type OpenDatabase, type SqlDatabase, useDatabase } from "../../shared/sql/sql-database.ts";
import { openSqlProcess, type SqlProcessOptions } from "../../shared/sql/sql-process-client.ts";
import type { SqlTables } from "../../shared/sql/sql-tables.ts";

/**
 * DuckDB's error type of `error('...')` in a user's SQL. It is ignored here: an assertion may fail on empty
 * tables only.
 */
const OWN_ASSERTION = "Invalid Input";

/** Time limit of one reduction's SQL over empty tables. Slower SQL would never end over real rows. */
const CHECK_LIMIT_MS = 30_000;

/** Memory limit. Plenty for empty tables. */
const CHECK_MEMORY_BYTES = 512 * 1024 * 1024;

interface CheckOptions {
  readonly reduce: JobSpec["reduce"];
  /** Columns of the rows files. */
  readonly fields: readonly Field[];
  /** Paths of the job's tables, by name. Default: none. */
  readonly tables?: SqlTables["paths"];
  /** Existing folder, which the caller removes. */
  readonly scratchFolder: string;
  /** Ends the check with its reason. */
  readonly signal: AbortSignal;
  /** Default: {@link CHECK_LIMIT_MS}. */
  readonly limitMs?: number;
  /** Opens the database. Default: in a process of its own. */
  readonly open?: OpenDatabase<SqlProcessOptions>;
}

interface SqlReduction {
  readonly combine: string | undefined;
  readonly final: string;
  /** Key columns. Undefined: `final` runs once, over everything. */
  readonly by: readonly string[] | undefined;
}

/**
 * Checks all SQL of a job before any work, with the types of the real run. Each `combine` runs on an empty
 * `rows` table, and its result is written to Parquet, as on a worker. Each `final` then runs on `partials`
 * made from that file. Without a `combine`, it runs on `rows`. A `final` by key must give the same rows in
 * parts (see {@link byKeyProblems}).
 *
 * @throws {SQL_INVALID} with the problems of all reductions at once
 */
export async function checkReductions(options: CheckOptions): Promise<void> {
  const problems: Problem[] = [];
  for (const [name, { combine, final, by }] of Object.entries(options.reduce)) {
    options.signal.throwIfAborted();
    if (final === undefined) continue;
    problems.push(...(await checkReduction(options, name, { combine, final, by })));
  }
  if (problems.length === 0) return;
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  throw new ShardmillError("SQL_INVALID", `the SQL of reduce has ${count}`, { problems });
}

async function checkReduction(
  options: CheckOptions,
  name: string,
  reduction: SqlReduction,
): Promise<readonly Problem[]> {
  const { fields, tables: paths = {}, scratchFolder, signal } = options;
  const { limitMs = CHECK_LIMIT_MS, open = openSqlProcess } = options;
  const opening = open({
    folders: [scratchFolder],
    tables: { paths, as: "empty" },
    tempFolder: scratchFolder,
    purpose: "check",
    memoryLimitBytes: CHECK_MEMORY_BYTES,
    limitMs,
    signal,
  });
  return useDatabase(
    opening,
    async (database) => {
      const final = { where: `reduce.${name}.final`, sql: reduction.final };
      await database.run(emptyTable("rows", fields));
      if (reduction.combine !== undefined) {
        const combine = { where: `reduce.${name}.combine`, sql: reduction.combine };
        const combined = join(scratchFolder, "combined.parquet");
        const failed = await failureOf(database.copyTo(combine, combined, { storedFor: "partial" }));
        if (failed !== null) {
          // Without combined columns, `final` cannot be bound: only its syntax is checked.
          const grammar = isLimit(failed) ? null : await failureOf(database.checkSyntax(final));
          const problems = [...trusted(failed), ...(grammar === null ? [] : grammar.problems)];
          const isUnseen = problems.length === 0 && reduction.by !== undefined;
          return isUnseen ? [{ where: combine.where, ...UNSEEN_KEYS }] : problems;
        }
        await database.viewPartials("partials", combine, parquetScan([combined]));
        await database.run("DROP TABLE rows");
      }
      const failed = await failureOf(database.copyTo(final, join(scratchFolder, "reduced.parquet")));
      const problems = failed === null ? [] : trusted(failed);
      if (reduction.by === undefined || problems.length > 0) return problems;
      const table = reduction.combine === undefined ? "rows" : "partials";
      if (table === "partials") await storePartials(database);
      const { by } = reduction;
      // Lazy, because few jobs have keys.
      const { byKeyProblems } = await import("./check-by-key.ts");
      return await byKeyProblems(database, { final, where: `reduce.${name}.by`, by, table });
    },
    signal,
  );
}

/** Problem of a `combine` whose columns are unknown, because it fails on purpose without rows. */
const UNSEEN_KEYS = {
  what: "fails over a table without rows, so the keys of `by` cannot be checked",
  hint: "move the assertion into `final`",
} as const satisfies Omit<Problem, "where">;

/** Makes a table of the view `partials`, so that its name is in plans. */
async function storePartials(database: SqlDatabase): Promise<void> {
  const stored = quoteIdentifier("shardmill:stored");
  await database.run(`CREATE TABLE ${stored} AS FROM partials LIMIT 0`);
  await database.run("DROP VIEW partials");
  await database.run(`ALTER TABLE ${stored} RENAME TO partials`);
}

async function failureOf(run: Promise<unknown>): Promise<ShardmillError | null> {
  try {
    await run;
    return null;
  } catch (error) {
    if (isShardmillError(error, "SQL_INVALID") || isShardmillError(error, "SQL_FAILED")) return error;
    throw error;
  }
}

function trusted(error: ShardmillError): readonly Problem[] {
  const { type, where } = error.fields;
  if (type === OWN_ASSERTION) return [];
  if (isLimit(error)) {
    return [
      {
        where: String(where),
        what: `${error.message.replace(`${where} failed: `, "")}, over a table without rows`,
        hint: "make its cost depend on the rows: without rows, it works only on values that it generates itself",
      },
    ];
  }
  if (error.problems.length > 0) return error.problems;
  return [{ where: String(where), what: error.message }];
}

/** Checks whether the SQL exceeded the time or memory limit of a check. */
function isLimit(error: ShardmillError): boolean {
  return error.fields.type === "Limit";
}
