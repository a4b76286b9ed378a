import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { linkOrCopy } from "../../shared/core/hard-link.ts";
import { type JobTables, tablePaths } from "../../shared/domain/job-tables.ts";
import type { LockedDatabase } from "../../shared/sql/locked-database.ts";
import { parquetScan } from "../../shared/sql/quote.ts";
import { type CopyOptions, whileInUse } from "../../shared/sql/sql-database.ts";
import type { SqlSource } from "../../shared/sql/sql-error.ts";
import { asStorageErrors } from "../../shared/storage/errors.ts";

interface SqlCombineOptions {
  readonly reduction: string;
  /** SQL over `rows`. */
  readonly combine: string;
  /** Key columns, by whose buckets the table is ordered. Null: it is not. */
  readonly by: readonly string[] | null;
  /** Tables that it can join with, on this machine. */
  readonly tables: JobTables;
  /** Folder that others remove, for a folder of the database only. */
  readonly scratchPath: string;
}

/** Files of one shard. */
export interface CombinedFiles {
  /** Parquet file of the view `rows`. */
  readonly rowsPath: string;
  /** Table file to make. */
  readonly targetPath: string;
}

/**
 * Combines shards by the SQL of one reduction. All shards of a thread use one database. Opening one takes
 * four times as long as a small shard's SQL. Its settings lock it to one folder for good. Each shard's
 * rows and table are there while its SQL runs, and no other shard's files.
 *
 * Equal rows give equal files, byte for byte: one thread, insertion order preserved.
 */
export class SqlCombine implements AsyncDisposable {
  readonly #source: SqlSource;
  readonly #options: CopyOptions;
  readonly #folder: string;
  readonly #database: LockedDatabase;

  private constructor(
    { reduction, combine, by }: SqlCombineOptions,
    folder: string,
    database: LockedDatabase,
  ) {
    this.#source = { where: `reduce.${reduction}.combine`, sql: combine };
    this.#options = { storedFor: "partial", ...(by === null ? {} : { by }) };
    this.#folder = folder;
    this.#database = database;
  }

  static async open(options: SqlCombineOptions): Promise<SqlCombine> {
    const { tables, scratchPath } = options;
    // Lazy, because loading takes a tenth of a second.
    const { openLockedDatabase } = await import("../../shared/sql/locked-database.ts");
    const folder = await mkdtemp(join(scratchPath, "sql-"));
    try {
      const database = await openLockedDatabase({
        folders: [folder],
        tables: { paths: tablePaths(tables), as: "read" },
        threads: 1,
        tempFolder: folder,
      });
      return new SqlCombine(options, folder, database);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /**
   * Makes the combined table of a shard. After a failure, or an abort, the database can only be closed.
   *
   * @throws {SQL_INVALID} {SQL_FAILED} with DuckDB's message
   */
  async combine(
    { rowsPath, targetPath }: CombinedFiles,
    signal: AbortSignal,
  ): Promise<{ readonly rows: number }> {
    const rows = join(this.#folder, "rows.parquet");
    const table = join(this.#folder, "table.parquet");
    await linkOrCopy(rowsPath, rows);
    const made = await whileInUse(
      this.#database,
      async (opened) => {
        await opened.run(`CREATE OR REPLACE VIEW "rows" AS SELECT * FROM ${parquetScan([rows])}`);
        return await opened.copyTo(this.#source, table, this.#options);
      },
      signal,
    );
    await asStorageErrors("write", targetPath, () => linkOrCopy(table, targetPath));
    await rm(table);
    await rm(rows);
    return made;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
