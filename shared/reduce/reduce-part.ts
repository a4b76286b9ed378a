import { join } from "node:path";
import { present } from "../core/assert.ts";
import { digestFile } from "../core/digest.ts";
import type { BucketRange } from "../domain/buckets.ts";
import type { Field } from "../domain/dataset.ts";
import { reductionValue } from "../domain/features.ts";
import { type JobTables, tablePaths } from "../domain/job-tables.ts";
import { ALL_ROWS } from "../domain/partial-layout.ts";
import type { ReductionSpec } from "../domain/reduce-spec.ts";
import { isCombined, type ReductionBinding } from "../domain/reduction-binding.ts";
import { emptyTable } from "../sql/duckdb-types.ts";
import { bucketsOf, selectBuckets } from "../sql/in-buckets.ts";
import { parquetScan } from "../sql/quote.ts";
import { type OpenDatabase, type SqlDatabase, useDatabase } from "../sql/sql-database.ts";
import { openSqlProcess, type SqlProcessOptions } from "../sql/sql-process-client.ts";
import { reduceByProgram } from "./by-program.ts";
import { type MergeLimits, mergeSmallFiles, type ScanFile } from "./merge-small-files.ts";

/** Reduction, as each of its parts needs it. */
export interface PartReduction {
  readonly name: string;
  readonly spec: ReductionSpec;
  /** Program of the reduction. Null: SQL. */
  readonly binding: ReductionBinding | null;
  /** Tables on this machine that its SQL can join with. */
  readonly tables: JobTables;
  /** Columns of the rows files, used when there is no file to read: every row is a dead letter. */
  readonly fields: readonly Field[];
}

/** Reduction, or a part of it. */
export interface ReducePart extends PartReduction {
  /** Files that it reads, in plan order. */
  readonly files: readonly ScanFile[];
  /** Buckets of the files that it reads. Null: everything, and the files have no buckets. */
  readonly range: BucketRange | null;
}

export interface PartPlace {
  /** Existing folder for this part alone. The caller removes it. */
  readonly scratch: string;
  /** Other folders that SQL may use: those of the files, and of the target. */
  readonly folders: readonly string[];
  /** Path of the Parquet file to make. */
  readonly target: string;
  readonly signal: AbortSignal;
  readonly memoryLimitBytes?: number | undefined;
  readonly mergeLimits?: MergeLimits | undefined;
  /** Opens the database. Default: in a process of its own. */
  readonly open?: OpenDatabase<SqlProcessOptions> | undefined;
}

interface ReducedPart {
  /** Rows of the file that was made. */
  readonly rows: number;
  /** Rows that were read for it. Null: not counted. */
  readonly rowsRead: number | null;
}

/**
 * Runs a reduction's `final` over some of the combined rows, and makes a file of the result. The file is not
 * synced.
 *
 * @throws {SQL_INVALID} {SQL_FAILED} {STEP_INVALID} {STEP_FAILED}
 * @throws the signal's reason once it aborts
 */
export async function reducePart(part: ReducePart, place: PartPlace): Promise<ReducedPart> {
  const key = reductionValue(part.spec)?.part.key;
  return await (key === undefined ? bySql(part, place) : byProgram(part, key, place));
}

/** Opens a database of its own: no state of one reduction reaches the next. */
function openDatabase({ tables }: PartReduction, place: PartPlace): Promise<SqlDatabase> {
  const { scratch, folders, signal, memoryLimitBytes, open } = place;
  return (open ?? openSqlProcess)({
    folders: [...new Set([scratch, ...folders])],
    tables: { paths: tablePaths(tables), as: "read" },
    tempFolder: scratch,
    purpose: "result",
    signal,
    ...(memoryLimitBytes === undefined ? {} : { memoryLimitBytes }),
  });
}

async function bySql(part: ReducePart, place: PartPlace): Promise<ReducedPart> {
  const { name, spec } = part;
  const sql = present(spec.final, "a reduction without a program has SQL");
  return await useDatabase(
    openDatabase(part, place),
    async (database) => {
      const rowsRead = await createTable(database, part, place);
      const { rows } = await database.copyTo({ where: `reduce.${name}.final`, sql }, place.target);
      return { rows, rowsRead };
    },
    place.signal,
  );
}

/**
 * Creates the table that `final` reads: `rows`, or `partials` with the types of `combine`. If no shard has a
 * file, the table is that of an empty shard. Returns the number of rows if a range of buckets is read.
 */
async function createTable(
  database: SqlDatabase,
  { name, spec, files, range, fields }: ReducePart,
  { scratch, signal, mergeLimits }: PartPlace,
): Promise<number | null> {
  const { combine = ALL_ROWS, by } = spec;
  const paths = await mergeSmallFiles(database, files, scratch, {
    prefix: "merged",
    signal,
    ...(range === null ? {} : { select: (scan: string) => selectBuckets(scan, range) }),
    ...(mergeLimits === undefined ? {} : { limits: mergeLimits }),
  });
  if (!isCombined(spec)) {
    const view = `CREATE VIEW rows AS FROM ${parquetScan(paths)}`;
    await database.run(paths.length > 0 ? view : emptyTable("rows", fields));
    return null;
  }
  const source = { where: `reduce.${name}.combine`, sql: combine };
  await database.run(emptyTable("rows", fields));
  const empty = join(scratch, "empty.parquet");
  if (paths.length === 0) {
    await database.copyTo(source, empty, { storedFor: "partial", ...(by === undefined ? {} : { by }) });
  }
  const scan = parquetScan(paths.length > 0 ? paths : [empty]);
  const table = range === null ? scan : bucketsOf(scan, range);
  await database.viewPartials("partials", source, table);
  await database.run("DROP TABLE rows");
  // Without a `combine`, the rows are read by their usual name.
  if (spec.combine === undefined) await database.run("CREATE VIEW rows AS FROM partials");
  return range === null ? null : await countRows(database, table);
}

async function countRows(database: SqlDatabase, table: string): Promise<number> {
  const [counted] = await database.rows(`SELECT count(*) AS n FROM ${table}`);
  return Number(counted?.n);
}

async function byProgram(part: ReducePart, key: string, place: PartPlace): Promise<ReducedPart> {
  const { name, files, range } = part;
  const { scratch, signal } = place;
  const binding = present(part.binding, "a reduction by a program is planned");
  const reduce = (scanned: readonly ScanFile[]) => reduceByProgram(binding, { ...place, key, scanned });
  if (range === null || files.length === 0) return { rows: await reduce(files), rowsRead: range && 0 };
  // The program reads whole files, so its part becomes one.
  const own = join(scratch, "part.parquet");
  const copied = await useDatabase(
    openDatabase(part, place),
    (database) => {
      const sql = `FROM ${bucketsOf(parquetScan(files.map((file) => file.path)), range)}`;
      return database.copyOwn({ where: `reduce.${name}`, sql }, own);
    },
    signal,
  );
  const { bytes } = await digestFile(own, signal);
  return { rows: await reduce([{ path: own, bytes }]), rowsRead: copied.rows };
}
