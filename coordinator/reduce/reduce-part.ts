import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { present } from "../../shared/core/assert.ts";
import { digestFile } from "../../shared/core/digest.ts";
import type { BucketRange } from "../../shared/domain/buckets.ts";
import { reductionValue } from "../../shared/domain/features.ts";
import { tablePaths } from "../../shared/domain/job-tables.ts";
import { below } from "../../shared/domain/location.ts";
import { OUTPUT_FOLDERS, type OutputFile } from "../../shared/domain/manifest.ts";
import { ALL_ROWS } from "../../shared/domain/partial-layout.ts";
import type { ReductionSpec } from "../../shared/domain/reduce-spec.ts";
import { isCombined } from "../../shared/domain/reduction-binding.ts";
import { emptyTable } from "../../shared/sql/duckdb-types.ts";
import { bucketsOf, selectBuckets } from "../../shared/sql/in-buckets.ts";
import { parquetScan } from "../../shared/sql/quote.ts";
import { type SqlDatabase, useDatabase } from "../../shared/sql/sql-database.ts";
import { openSqlProcess } from "../../shared/sql/sql-process-client.ts";
import { isOnThisMachine, makeFile } from "../../shared/storage/local-paths.ts";
import { mergeSmallFiles, type ScanFile } from "./merge-small-files.ts";
import { reduceByProgram } from "./reduce-by-program.ts";
import type { ReduceOptions } from "./reduce-options.ts";

/** Reduction, or a part of it. */
export interface ReducePart {
  readonly name: string;
  readonly spec: ReductionSpec;
  /** Files that it reads, in plan order. */
  readonly files: readonly ScanFile[];
  /** Buckets of the files that it reads. Null: everything, and the files have no buckets. */
  readonly range: BucketRange | null;
  /** Path of its result in the output folder. */
  readonly path: string;
}

/** Staged result, and the rows that were read for it. Null: not counted. */
interface ReducedPart {
  readonly file: OutputFile;
  readonly rowsRead: number | null;
}

/**
 * Runs a reduction's `final` over some of the combined rows, and stages the result durably.
 *
 * @throws {SQL_INVALID} {SQL_FAILED} {STEP_INVALID} {STEP_FAILED}
 * @throws the signal's reason once it aborts
 */
export async function reducePart(part: ReducePart, options: ReduceOptions): Promise<ReducedPart> {
  const scratch = join(options.paths.temp, `reduce-${part.path.replaceAll("/", "-")}`);
  await mkdir(scratch, { recursive: true });
  try {
    const key = reductionValue(part.spec)?.part.key;
    return await (key === undefined
      ? reduceBySql(part, scratch, options)
      : byProgram(part, key, scratch, options));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Opens a database of its own: no state of one reduction reaches the next. */
function openDatabase({
  paths,
  tables = {},
  signal,
  memoryLimitBytes,
  open,
}: ReduceOptions): Promise<SqlDatabase> {
  const reducedFolder = below(paths.stage, OUTPUT_FOLDERS.reduced);
  return (open ?? openSqlProcess)({
    folders: [...new Set([paths.temp, ...[paths.partials, reducedFolder].filter(isOnThisMachine)])],
    tables: { paths: tablePaths(tables), as: "read" },
    tempFolder: paths.temp,
    purpose: "result",
    signal,
    ...(memoryLimitBytes === undefined ? {} : { memoryLimitBytes }),
  });
}

async function reduceBySql(part: ReducePart, scratch: string, options: ReduceOptions): Promise<ReducedPart> {
  const { paths, storage, signal } = options;
  const { name, spec, path } = part;
  const sql = present(spec.final, "a reduction without a program has SQL");
  const final = { where: `reduce.${name}.final`, sql };
  return await useDatabase(
    openDatabase(options),
    async (database) => {
      const rowsRead = await createTable(database, part, scratch, options);
      const place = { storage, scratch: paths.temp, signal };
      const file = await makeFile(below(paths.stage, path), place, async (localPath) => {
        const { rows } = await database.copyTo(final, localPath);
        return { path, kind: "reduced" as const, rows, ...(await digestFile(localPath, signal)) };
      });
      return { file, rowsRead };
    },
    signal,
  );
}

/**
 * Creates the table that `final` reads: `rows`, or `partials` with the types of `combine`. If no shard has a
 * file, the table is that of an empty shard. Returns the number of rows if a range of buckets is read.
 */
async function createTable(
  database: SqlDatabase,
  { name, spec, files, range }: ReducePart,
  scratch: string,
  { fields, signal, mergeLimits }: ReduceOptions,
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

async function byProgram(
  { name, files, range, path }: ReducePart,
  key: string,
  scratch: string,
  options: ReduceOptions,
): Promise<ReducedPart> {
  const binding = present(options.reductions?.[name], "a reduction by a program is planned");
  const place = { ...options, key, path };
  if (range === null || files.length === 0) {
    return { file: await reduceByProgram(binding, { ...place, scanned: files }), rowsRead: range && 0 };
  }
  // The program reads whole files, so its part becomes one.
  const own = join(scratch, "part.parquet");
  const copied = await useDatabase(
    openDatabase(options),
    (database) => {
      const sql = `FROM ${bucketsOf(parquetScan(files.map((file) => file.path)), range)}`;
      return database.copyOwn({ where: `reduce.${name}`, sql }, own);
    },
    options.signal,
  );
  const { bytes } = await digestFile(own, options.signal);
  const file = await reduceByProgram(binding, { ...place, scanned: [{ path: own, bytes }] });
  return { file, rowsRead: copied.rows };
}
