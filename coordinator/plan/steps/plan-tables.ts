import { dirname } from "node:path";
import { present } from "../../../shared/core/assert.ts";
import { isShardmillError, messageOf, type Problem, ShardmillError } from "../../../shared/core/errors.ts";
import { withTempFolder } from "../../../shared/core/temp-folder.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import type { JobTable, JobTables } from "../../../shared/domain/job-tables.ts";
import { localPathOf } from "../../../shared/domain/location.ts";
import { DECIMAL_DIGITS } from "../../../shared/sql/duckdb-types.ts";
import { parquetScan, quoteLiteral } from "../../../shared/sql/quote.ts";
import { type SqlDatabase, useDatabase } from "../../../shared/sql/sql-database.ts";
import { openSqlProcess } from "../../../shared/sql/sql-process-client.ts";
import type { StepFiles } from "./step-files.ts";

/** Limits of a look at the footers of all tables. */
const LIMIT_MS = 60_000;
const MEMORY_BYTES = 512 * 1024 * 1024;

/**
 * Checks the tables of a job by DuckDB, in a process with limits, because it reads untrusted files.
 *
 * @param files copies of the tables' files, by the location in the job file
 * @throws {SPEC_INVALID} with the problems of all tables
 */
export async function planTables(
  tables: JobSpec["tables"] = {},
  files: StepFiles,
  signal: AbortSignal,
): Promise<JobTables> {
  const named = Object.entries(tables).map(([name, from]) => {
    return { name, from, file: present(files.get(from), "the files of the tables are read") };
  });
  if (named.length === 0) return {};
  const planned: [string, JobTable][] = [];
  const problems: Problem[] = [];
  await withTempFolder("plan", async (tempFolder) => {
    const folders = named.map(({ file }) => dirname(localPathOf(file.location)));
    const limits = { memoryLimitBytes: MEMORY_BYTES, limitMs: LIMIT_MS };
    const opening = openSqlProcess({ folders, tempFolder, purpose: "check", ...limits, signal });
    await useDatabase(
      opening,
      async (database) => {
        for (const { name, from, file } of named) {
          const path = localPathOf(file.location);
          problems.push(...(await nameFaults(name, database)).map((fault) => at(name, fault)));
          const { rows, faults } = await look(path, from, database);
          problems.push(...faults.map((fault) => at(name, fault)));
          planned.push([name, { ...file, rows }]);
        }
      },
      signal,
    );
  });
  if (problems.length === 0) return Object.fromEntries(planned);
  throw new ShardmillError("SPEC_INVALID", "tables of the job cannot be used", { problems });
}

type Fault = Omit<Problem, "where">;

function at(name: string, fault: Fault): Problem {
  return { where: `tables.${name}`, ...fault };
}

/** Checks that SQL can write a name without quotes. Keywords of DuckDB differ by version. */
async function nameFaults(name: string, database: SqlDatabase): Promise<readonly Fault[]> {
  const sql = `SELECT 1 FROM rows JOIN ${name} USING (id)`;
  try {
    await database.checkSyntax({ where: "tables", sql });
    return [];
  } catch (error) {
    if (!isShardmillError(error, "SQL_INVALID")) throw error;
    const what = `\`${name}\` is a word of SQL`;
    return [{ what, expected: "another name", found: name, hint: `name it ${name}_table` }];
  }
}

/** Reads the footer of a table. */
async function look(
  path: string,
  from: string,
  database: SqlDatabase,
): Promise<{ readonly rows: number; readonly faults: readonly Fault[] }> {
  const scan = parquetScan([path]);
  try {
    const [count] = await database.rows(`SELECT count(*) AS n FROM ${scan}`);
    const columns = await database.rows(`SELECT column_name AS name FROM (DESCRIBE FROM ${scan})`);
    const wide = await database.rows(
      `SELECT name FROM parquet_schema(${quoteLiteral(path)}) WHERE precision > ${DECIMAL_DIGITS}`,
    );
    const unusable = [...columns.filter(({ name }) => String(name).toLowerCase() === "rowid"), ...wide].map(
      ({ name }) => String(name),
    );
    return { rows: Number(count?.n), faults: unusable.map(columnFault) };
  } catch (error) {
    if (!isShardmillError(error, "SQL_INVALID") && !isShardmillError(error, "SQL_FAILED")) throw error;
    const why = messageOf(error).replaceAll(path, from);
    const fault = { what: `cannot be read as Parquet: ${why}`, expected: "a Parquet file", found: from };
    return { rows: 0, faults: [{ ...fault, hint: TO_PARQUET }] };
  }
}

const TO_PARQUET = `convert it, as in: duckdb -c "COPY (FROM 'FILE') TO 'table.parquet'"`;

function columnFault(column: string): Fault {
  return {
    what: `SQL cannot read its column \`${column}\``,
    expected: `decimals of at most ${DECIMAL_DIGITS} digits, and no column named rowid`,
    found: column,
    hint: "leave the column out of the file, or give it another name or type",
  };
}
