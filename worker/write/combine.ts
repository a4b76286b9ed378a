import { join } from "node:path";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { parquetScan } from "../../shared/sql/quote.ts";
import { useDatabase } from "../../shared/sql/sql-database.ts";

export interface CombineOptions {
  readonly reduce: JobSpec["reduce"];
  /** A Parquet file: what the SQL sees as `rows`. */
  readonly rowsPath: string;
  readonly rowsFolder: string;
  /** Where `combined-<reduction>.parquet` are made. */
  readonly targetFolder: string;
  /** DuckDB spills here. */
  readonly scratchPath: string;
  readonly signal: AbortSignal;
}

export interface CombinedFile {
  readonly name: string;
  readonly rows: number;
}

export function hasCombine(reduce: JobSpec["reduce"]): boolean {
  return Object.values(reduce).some(({ combine }) => combine !== undefined);
}

/**
 * Runs the combine SQL of every reduction that has one over a shard's rows. The same rows give the same
 * files, byte for byte: one thread, insertion order kept.
 *
 * @throws {SQL_INVALID} {SQL_FAILED} with DuckDB's message
 */
export async function combineRows(options: CombineOptions): Promise<readonly CombinedFile[]> {
  const { reduce, rowsPath, rowsFolder, targetFolder, scratchPath, signal } = options;
  signal.throwIfAborted();
  // Loaded only where there is SQL: it takes a tenth of a second.
  const { openLockedDatabase } = await import("../../shared/sql/locked-duckdb.ts");
  const folders = [...new Set([rowsFolder, targetFolder])];
  const files: CombinedFile[] = [];
  for (const [reduction, { combine }] of Object.entries(reduce)) {
    if (combine === undefined) continue;
    const name = `combined-${reduction}.parquet`;
    const source = { where: `reduce.${reduction}.combine`, sql: combine };
    const database = openLockedDatabase({ folders, threads: 1, tempFolder: scratchPath });
    const { rows } = await useDatabase(database, signal, async (opened) => {
      await opened.run(`CREATE VIEW "rows" AS SELECT * FROM ${parquetScan([rowsPath])}`);
      return opened.copyTo(source, join(targetFolder, name), "partial");
    });
    files.push({ name, rows });
  }
  return files;
}
