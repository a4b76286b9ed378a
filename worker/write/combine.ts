import { join } from "node:path";
import type { PlannedCombinedFile } from "../../shared/domain/partial-layout.ts";
import { parquetScan } from "../../shared/sql/quote.ts";
import { useDatabase } from "../../shared/sql/sql-database.ts";

interface CombineOptions {
  readonly tables: readonly PlannedCombinedFile[];
  /** A Parquet file: what the SQL sees as `rows`. */
  readonly rowsPath: string;
  readonly rowsFolder: string;
  /** Where the tables are made, under their names. */
  readonly targetFolder: string;
  /** DuckDB spills here. */
  readonly scratchPath: string;
  readonly signal: AbortSignal;
}

interface CombinedFile {
  readonly name: string;
  readonly rows: number;
}

/**
 * Makes the combined tables of a shard, by SQL over its rows. The same rows give the same
 * files, byte for byte: one thread, insertion order kept.
 *
 * @throws {SQL_INVALID} {SQL_FAILED} with DuckDB's message
 */
export async function combineRows(options: CombineOptions): Promise<readonly CombinedFile[]> {
  const { tables, rowsPath, rowsFolder, targetFolder, scratchPath, signal } = options;
  signal.throwIfAborted();
  // Loaded only where there is SQL: it takes a tenth of a second.
  const { openLockedDatabase } = await import("../../shared/sql/locked-database.ts");
  const folders = [...new Set([rowsFolder, targetFolder])];
  const files: CombinedFile[] = [];
  for (const { name, reduction, combine } of tables) {
    const source = { where: `reduce.${reduction}.combine`, sql: combine };
    const database = openLockedDatabase({ folders, threads: 1, tempFolder: scratchPath });
    const { rows } = await useDatabase(database, signal, async (opened) => {
      await opened.run(`CREATE VIEW "rows" AS SELECT * FROM ${parquetScan([rowsPath])}`);
      return opened.copyTo(source, join(targetFolder, name), { storedFor: "partial" });
    });
    files.push({ name, rows });
  }
  return files;
}
