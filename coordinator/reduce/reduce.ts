import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { assert, present } from "../../shared/core/assert.ts";
import { digestFile } from "../../shared/core/digest.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import { reductionValue } from "../../shared/domain/features.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { below } from "../../shared/domain/location.ts";
import { OUTPUT_FOLDERS, type OutputFile } from "../../shared/domain/manifest.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import type { ReductionBindings } from "../../shared/domain/reduction-binding.ts";
import { emptyTable } from "../../shared/sql/duckdb-types.ts";
import { parquetScan } from "../../shared/sql/quote.ts";
import { type OpenDatabase, type SqlDatabase, useDatabase } from "../../shared/sql/sql-database.ts";
import { openSqlProcess, type SqlProcessOptions } from "../../shared/sql/sql-process-client.ts";
import { isOnThisMachine, makeFile } from "../../shared/storage/local-paths.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { reducedPath } from "../publish/layout.ts";
import type { WorkPaths } from "../publish/work-paths.ts";
import { type MergeLimits, mergeSmallFiles } from "./merge-small-files.ts";
import { reduceByProgram } from "./reduce-by-program.ts";
import { checkSources, type Sources } from "./reduce-sources.ts";

export interface ReduceOptions {
  readonly reduce: JobSpec["reduce"];
  /** Bindings of the reductions by programs. Default: none. */
  readonly reductions?: ReductionBindings;
  /** Columns of the rows files, used when no shard has a file to read: every row is a dead letter. */
  readonly fields: readonly Field[];
  /** Committed partials, in plan order. */
  readonly partials: readonly PartialManifest[];
  /**
   * Folders. Results are written to `_reduced/` in `stage`, which is emptied first. Temporary SQL files are
   * in `temp`.
   */
  readonly paths: Pick<WorkPaths, "partials" | "stage" | "temp">;
  readonly storage: Storage;
  readonly signal: AbortSignal;
  readonly memoryLimitBytes?: number;
  readonly mergeLimits?: MergeLimits;
  /** Opens the database. Default: in a process of its own. */
  readonly open?: OpenDatabase<SqlProcessOptions>;
}

/**
 * Runs the `final` of every reduction over all committed partials, and stages `_reduced/<name>.pq` durably.
 * First checks each file against its manifest again, once.
 *
 * Law `same-commits-same-output`: the same partials give the same bytes after any restart, too. One thread
 * reads the files in plan order (see LockedDatabase).
 *
 * @returns the staged files in the order of the job file, with paths relative to the output folder
 * @throws {PARTIAL_INVALID} with the fields shard, digest and path: that shard must run again
 * @throws {SQL_INVALID} {SQL_FAILED}
 * @throws the signal's reason once it aborts
 */
export async function reducePartials(options: ReduceOptions): Promise<readonly OutputFile[]> {
  const { signal, storage, paths } = options;
  signal.throwIfAborted();
  const { temp } = paths;
  const reducedFolder = below(paths.stage, OUTPUT_FOLDERS.reduced);
  await storage.remove(reducedFolder, signal);
  const reductions = Object.entries(options.reduce);
  if (reductions.length === 0) return [];
  await mkdir(temp, { recursive: true });
  const sources = await checkSources(options);
  const files: OutputFile[] = [];
  for (const [name, spec] of reductions) {
    const key = reductionValue(spec)?.part.key;
    if (key !== undefined) {
      const binding = present(options.reductions?.[name], "a reduction by a program is planned");
      const scanned = sources.get(name) ?? [];
      files.push(await reduceByProgram(binding, { ...options, name, key, scanned }));
      continue;
    }
    const { combine, final } = spec;
    const reduction = { combine, final: present(final, "a reduction without a program has SQL") };
    // A database for each reduction: no state of one reaches the next.
    const database = (options.open ?? openSqlProcess)({
      folders: [...new Set([temp, ...[paths.partials, reducedFolder].filter(isOnThisMachine)])],
      tempFolder: temp,
      purpose: "result",
      signal,
      ...(options.memoryLimitBytes === undefined ? {} : { memoryLimitBytes: options.memoryLimitBytes }),
    });
    const file = await useDatabase(
      database,
      (opened) => reduceOne({ ...options, database: opened, sources }, name, reduction),
      signal,
    );
    files.push(file);
  }
  return files;
}

interface SqlReduction {
  readonly combine: string | undefined;
  readonly final: string;
}

interface Reducing extends ReduceOptions {
  readonly database: SqlDatabase;
  readonly sources: Sources;
}

async function reduceOne(reducing: Reducing, name: string, reduction: SqlReduction): Promise<OutputFile> {
  const { database, paths, storage, signal } = reducing;
  assert(isFileName(name), `reduction ${JSON.stringify(name)} can be a file's name`);
  const isCombined = reduction.combine !== undefined;
  const table = isCombined ? "partials" : "rows";
  const mergeFolder = join(paths.temp, "merged");
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
    await createTable(reducing, { name, reduction, scanned });
    const path = reducedPath(name);
    const final = { where: `reduce.${name}.final`, sql: reduction.final };
    const place = { storage, scratch: paths.temp, signal };
    return await makeFile(below(paths.stage, path), place, async (localPath) => {
      const { rows } = await database.copyTo(final, localPath);
      return { path, kind: "reduced", rows, ...(await digestFile(localPath, signal)) };
    });
  } finally {
    await rm(mergeFolder, { recursive: true, force: true });
  }
}

/**
 * Creates the table that `final` reads: `rows`, or `partials` with the types of `combine`. If no shard has a
 * file, the table is that of an empty shard.
 */
async function createTable(
  reducing: Reducing,
  { name, reduction, scanned }: { name: string; reduction: SqlReduction; scanned: readonly string[] },
): Promise<void> {
  const { database, fields, paths } = reducing;
  if (reduction.combine === undefined) {
    const view = `CREATE VIEW rows AS FROM ${parquetScan(scanned)}`;
    await database.run(scanned.length > 0 ? view : emptyTable("rows", fields));
    return;
  }
  const combine = { where: `reduce.${name}.combine`, sql: reduction.combine };
  await database.run(emptyTable("rows", fields));
  const empty = join(paths.temp, "merged", "empty.parquet");
  if (scanned.length === 0) await database.copyTo(combine, empty, { storedFor: "partial" });
  await database.viewPartials("partials", combine, parquetScan(scanned.length > 0 ? scanned : [empty]));
  await database.run("DROP TABLE rows");
}

function isFileName(name: string): boolean {
  return name !== "" && !name.startsWith(".") && !/[/\\\0]/.test(name);
}
