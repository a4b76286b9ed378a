import { join } from "node:path";
import { isShardmillError, type Problem, ShardmillError } from "../../shared/core/errors.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import type { JobSpec, ReductionSpec } from "../../shared/domain/job-spec.ts";
import { emptyTable } from "../../shared/sql/duckdb-types.ts";
import type { LockedDatabase } from "../../shared/sql/locked-duckdb.ts";
import { parquetScan } from "../../shared/sql/quote.ts";

/** What DuckDB reports about names and grammar, which no guess at a column's type can cause. */
const JUDGEABLE: ReadonlySet<string> = new Set(["COLUMN_NOT_FOUND", "MISSING_ENTRY", "SYNTAX_ERROR"]);

/** What `error('...')` in a user's SQL raises: that there are no rows here says nothing about the real ones. */
const OWN_ASSERTION = "Invalid Input";

/**
 * Checks all SQL of a job before any work: each `combine` runs on an empty `rows` table of the right types, its result goes
 * through a Parquet file as it will on a worker, and `final` runs on `partials` made of that (on `rows` without a combine).
 * So types are those of the real run.
 *
 * A kept column whose type cannot be told from its name stands in as text; then complaints about types are not believed,
 * only those about names and grammar.
 *
 * @param fields of the rows files
 * @param scratchFolder an existing folder of the caller's, who removes it
 * @param signal ends it with its reason: a user's SQL may take for ever, even over no rows
 * @throws {SQL_INVALID} with the problems of all reductions at once
 */
export async function checkReductions(
  reduce: JobSpec["reduce"],
  fields: readonly Field[],
  scratchFolder: string,
  signal: AbortSignal = new AbortController().signal,
): Promise<void> {
  const reductions = Object.entries(reduce);
  if (reductions.length === 0) return;
  const { openLockedDatabase } = await import("../../shared/sql/locked-duckdb.ts");
  await using database = await openLockedDatabase({ folders: [scratchFolder], tempFolder: scratchFolder });
  const rows = emptyTable("rows", fields);
  const check: Check = { database, scratchFolder, rowsSql: rows.sql, typesKnown: rows.guessed.length === 0 };
  const problems: Problem[] = [];
  const onAbort = () => database.interrupt();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    signal.throwIfAborted();
    for (const [name, reduction] of reductions)
      problems.push(...(await checkReduction(check, name, reduction)));
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
  if (problems.length === 0) return;
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  throw new ShardmillError("SQL_INVALID", `the SQL of reduce has ${count}`, { problems });
}

interface Check {
  readonly database: LockedDatabase;
  readonly scratchFolder: string;
  readonly rowsSql: string;
  readonly typesKnown: boolean;
}

async function checkReduction(
  check: Check,
  name: string,
  reduction: ReductionSpec,
): Promise<readonly Problem[]> {
  const { database } = check;
  const combined = reduction.combine === undefined ? null : join(check.scratchFolder, "combined.parquet");
  const finalWhere = `reduce.${name}.final`;
  await database.run(check.rowsSql);
  if (combined !== null && reduction.combine !== undefined) {
    const { combine } = reduction;
    const failed = await failureOf(database.copyTo(combine, combined, `reduce.${name}.combine`));
    if (failed !== null) {
      // Without combined columns there is nothing to bind `final` to: only its grammar can be judged.
      const grammar = await failureOf(database.checkSyntax({ where: finalWhere, sql: reduction.final }));
      return [...believed(check, failed), ...(grammar === null ? [] : grammar.problems)];
    }
    await database.run("DROP TABLE rows");
    await database.run(`CREATE OR REPLACE TABLE partials AS FROM ${parquetScan([combined])}`);
  }
  const published = join(check.scratchFolder, "reduced.parquet");
  const failed = await failureOf(database.copyTo(reduction.final, published, finalWhere));
  await database.run("DROP TABLE IF EXISTS partials");
  return failed === null ? [] : believed(check, failed);
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

function believed(check: Check, error: ShardmillError): readonly Problem[] {
  const { type, subtype, where } = error.fields;
  if (type === OWN_ASSERTION) return [];
  const aboutNames = type === "Parser" || type === "Refused" || JUDGEABLE.has(String(subtype));
  if (!check.typesKnown && !aboutNames) return [];
  if (error.problems.length > 0) return error.problems;
  return [{ where: String(where), what: error.message }];
}
