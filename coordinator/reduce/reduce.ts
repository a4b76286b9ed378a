import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { assert } from "../../shared/core/assert.ts";
import { digestFile } from "../../shared/core/digest.ts";
import { syncPath } from "../../shared/core/durable.ts";
import { isShardmillError } from "../../shared/core/errors.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import type { JobSpec, ReductionSpec } from "../../shared/domain/job-spec.ts";
import type { OutputFile } from "../../shared/domain/manifest.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import { emptyTable } from "../../shared/sql/duckdb-types.ts";
import type { LockedDatabase } from "../../shared/sql/locked-duckdb.ts";
import { parquetScan, quoteIdentifier } from "../../shared/sql/quote.ts";
import { type MergeLimits, mergeSmallFiles } from "./merge-small-files.ts";
import { checkSources, type Sources } from "./reduce-sources.ts";

export interface ReduceOptions {
  readonly reduce: JobSpec["reduce"];
  /** Of the rows files: used where no shard left a file to read (every row is a dead letter). */
  readonly fields: readonly Field[];
  /** The committed partials, in plan order. */
  readonly partials: readonly PartialManifest[];
  readonly partialsPath: string;
  /** Results go to `reduced/` in it, which is made anew. */
  readonly stagePath: string;
  readonly tempFolder: string;
  readonly signal: AbortSignal;
  readonly memoryLimitBytes?: number;
  readonly mergeLimits?: MergeLimits;
}

/**
 * Runs the `final` of every reduction over all committed partials and stages `reduced/<name>.parquet`, durable. The files
 * that it reads are checked against their manifests again first, each once.
 *
 * Law: the same commits give the same bytes, on any restart (I6): files are read in plan order by one thread
 * (see LockedDatabase).
 *
 * @returns the staged files, paths relative to the output folder, in the order of the job file
 * @throws {PARTIAL_INVALID} with the fields shard, digest and path: that shard must run again
 * @throws {SQL_INVALID} {SQL_FAILED} and the signal's reason once it aborts
 */
export async function reducePartials(options: ReduceOptions): Promise<readonly OutputFile[]> {
  const { signal, stagePath, tempFolder } = options;
  signal.throwIfAborted();
  const reducedPath = join(stagePath, "reduced");
  await rm(reducedPath, { recursive: true, force: true });
  const reductions = Object.entries(options.reduce);
  if (reductions.length === 0) return [];
  const sources = await checkSources(options);
  await mkdir(reducedPath, { recursive: true });
  await mkdir(tempFolder, { recursive: true });
  const { openLockedDatabase } = await import("../../shared/sql/locked-duckdb.ts");
  await using database = await openLockedDatabase({
    folders: [options.partialsPath, reducedPath, tempFolder],
    tempFolder,
    ...(options.memoryLimitBytes === undefined ? {} : { memoryLimitBytes: options.memoryLimitBytes }),
  });
  const interrupt = () => database.interrupt();
  signal.addEventListener("abort", interrupt, { once: true });
  try {
    const files: OutputFile[] = [];
    for (const [name, reduction] of reductions) {
      files.push(await reduceOne({ ...options, database, sources }, name, reduction));
    }
    await syncPath(reducedPath);
    return files;
  } catch (error) {
    if (isShardmillError(error, "INTERRUPTED")) signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", interrupt);
  }
}

interface Reducing extends ReduceOptions {
  readonly database: LockedDatabase;
  readonly sources: Sources;
}

async function reduceOne(reducing: Reducing, name: string, reduction: ReductionSpec): Promise<OutputFile> {
  const { database, stagePath, tempFolder, signal } = reducing;
  assert(isFileName(name), `reduction ${JSON.stringify(name)} can be a file's name`);
  const isCombined = reduction.combine !== undefined;
  const table = isCombined ? "partials" : "rows";
  const mergeFolder = join(tempFolder, "merged");
  await mkdir(mergeFolder, { recursive: true });
  try {
    const scanned = await mergeSmallFiles(
      database,
      reducing.sources.get(isCombined ? name : null) ?? [],
      mergeFolder,
      {
        prefix: table,
        signal,
        ...(reducing.mergeLimits === undefined ? {} : { limits: reducing.mergeLimits }),
      },
    );
    if (scanned.length > 0) {
      await database.run(`CREATE OR REPLACE VIEW ${quoteIdentifier(table)} AS FROM ${parquetScan(scanned)}`);
    } else {
      await createEmpty(reducing, name, reduction);
    }
    const path = join(stagePath, "reduced", `${name}.parquet`);
    const { rows } = await database.copyTo(reduction.final, path, `reduce.${name}.final`);
    await dropTables(database);
    await syncPath(path);
    return { path: `reduced/${name}.parquet`, kind: "reduced", rows, ...(await digestFile(path, signal)) };
  } finally {
    await rm(mergeFolder, { recursive: true, force: true });
  }
}

/** No shard left a file: the table is what an empty shard would give. */
async function createEmpty(reducing: Reducing, name: string, reduction: ReductionSpec): Promise<void> {
  const { database } = reducing;
  await database.run(emptyTable("rows", reducing.fields).sql);
  if (reduction.combine === undefined) return;
  const combined = join(reducing.tempFolder, "merged", "empty.parquet");
  await database.copyTo(reduction.combine, combined, `reduce.${name}.combine`);
  await database.run("DROP TABLE rows");
  await database.run(`CREATE OR REPLACE TABLE partials AS FROM ${parquetScan([combined])}`);
}

/** Whether views or tables, nothing of one reduction is left for the next. */
async function dropTables(database: LockedDatabase): Promise<void> {
  const left = await database.rows(
    "SELECT table_name AS name, table_type = 'VIEW' AS view FROM information_schema.tables WHERE table_schema = 'main'",
  );
  for (const { name, view } of left) {
    await database.run(`DROP ${view === true ? "VIEW" : "TABLE"} ${quoteIdentifier(String(name))}`);
  }
}

function isFileName(name: string): boolean {
  return name !== "" && !name.startsWith(".") && !/[/\\\0]/.test(name);
}
