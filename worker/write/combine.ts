import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { linkOrCopy } from "../../shared/core/hard-link.ts";
import { type JobTables, tablePaths } from "../../shared/domain/job-tables.ts";
import { parquetScan } from "../../shared/sql/quote.ts";
import {
  type CopyOptions,
  type OpenDatabase,
  type SqlDatabase,
  whileInUse,
} from "../../shared/sql/sql-database.ts";
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
  /** Opens the database. Default: in this process. */
  readonly open?: OpenDatabase | undefined;
}

/** Files of one shard. */
export interface CombinedFiles {
  /** Parquet files of the view `rows`. */
  readonly rowsPaths: readonly string[];
  /** Creates the view. Default: all rows of the files. */
  readonly createView?: (database: SqlDatabase, paths: readonly string[]) => Promise<void>;
  /** Table file to make. */
  readonly targetPath: string;
}

/** Creates the view `rows` of all rows of Parquet files. */
async function viewAllRows(database: SqlDatabase, paths: readonly string[]): Promise<void> {
  await database.run(`CREATE OR REPLACE VIEW "rows" AS SELECT * FROM ${parquetScan(paths)}`);
}

const openHere: OpenDatabase = async (options) => {
  // Lazy, because loading takes a tenth of a second.
  const { openLockedDatabase } = await import("../../shared/sql/locked-database.ts");
  return await openLockedDatabase(options);
};

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
  readonly #database: SqlDatabase;

  private constructor({ reduction, combine, by }: SqlCombineOptions, folder: string, database: SqlDatabase) {
    this.#source = { where: `reduce.${reduction}.combine`, sql: combine };
    this.#options = { storedFor: "partial", ...(by === null ? {} : { by }) };
    this.#folder = folder;
    this.#database = database;
  }

  static async open(options: SqlCombineOptions): Promise<SqlCombine> {
    const { tables, scratchPath, open = openHere } = options;
    const folder = await mkdtemp(join(scratchPath, "sql-"));
    try {
      const database = await open({
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
    { rowsPaths, createView = viewAllRows, targetPath }: CombinedFiles,
    signal: AbortSignal,
  ): Promise<{ readonly rows: number }> {
    const table = join(this.#folder, "table.parquet");
    const linked: string[] = [];
    for (const path of rowsPaths) {
      const link = join(this.#folder, `rows-${linked.length}.parquet`);
      await linkOrCopy(path, link);
      linked.push(link);
    }
    const made = await whileInUse(
      this.#database,
      async (opened) => {
        await createView(opened, linked);
        return await opened.copyTo(this.#source, table, this.#options);
      },
      signal,
    );
    await asStorageErrors("write", targetPath, () => linkOrCopy(table, targetPath));
    for (const path of [table, ...linked]) await rm(path);
    return made;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
