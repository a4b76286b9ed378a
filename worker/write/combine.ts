import { join } from "node:path";
import { parquetScan } from "../../shared/sql/quote.ts";
import { useDatabase } from "../../shared/sql/sql-database.ts";

interface CombineOptions {
  /** SQL over `rows`. */
  readonly combine: string;
  readonly reduction: string;
  /** Parquet file of the view `rows`. */
  readonly rowsPath: string;
  readonly rowsFolder: string;
  /** Folder and name of the table file to write. */
  readonly targetFolder: string;
  readonly name: string;
  /** Folder for DuckDB's temporary files. */
  readonly scratchPath: string;
  readonly signal: AbortSignal;
}

/**
 * Makes a combined table of a shard, by SQL over its rows. Equal rows give equal files, byte for byte: one
 * thread, insertion order preserved.
 *
 * @throws {SQL_INVALID} {SQL_FAILED} with DuckDB's message
 */
export async function combineRows(options: CombineOptions): Promise<{ readonly rows: number }> {
  const { combine, reduction, rowsPath, rowsFolder, targetFolder, name, scratchPath, signal } = options;
  signal.throwIfAborted();
  // Lazy, because loading takes a tenth of a second.
  const { openLockedDatabase } = await import("../../shared/sql/locked-database.ts");
  const folders = [...new Set([rowsFolder, targetFolder])];
  const source = { where: `reduce.${reduction}.combine`, sql: combine };
  const database = openLockedDatabase({ folders, threads: 1, tempFolder: scratchPath });
  return await useDatabase(
    database,
    async (opened) => {
      await opened.run(`CREATE VIEW "rows" AS SELECT * FROM ${parquetScan([rowsPath])}`);
      return opened.copyTo(source, join(targetFolder, name), { storedFor: "partial" });
    },
    signal,
  );
}
