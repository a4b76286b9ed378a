import { isShardmillError } from "../core/errors.ts";
import type { LockedDatabaseOptions } from "./locking.ts";
import type { SqlSource } from "./sql-error.ts";
import type { StoredFor } from "./stored-types.ts";

export interface CopyOptions {
  /** Purpose of the file. Default: `published`. */
  readonly storedFor?: StoredFor;
  /** Columns to write. Default: all. */
  readonly columns?: readonly string[];
  /**
   * Key columns. The file is ordered by the buckets of their values, and has a column of bucket numbers (see
   * `buckets.ts`). Rows of a bucket keep their order. Default: the result's order.
   */
  readonly by?: readonly string[];
}

/**
 * Database for a user's SQL, locked to a few folders. {@link LockedDatabase} runs in this process and
 * documents the methods. `SqlProcess` runs in a separate process.
 */
export interface SqlDatabase extends AsyncDisposable {
  run(sql: string): Promise<void>;
  rows(sql: string): Promise<Record<string, unknown>[]>;
  checkSyntax(source: SqlSource): Promise<void>;
  bindPredicate(source: SqlSource, table: string): Promise<string | null>;
  columnNames(source: SqlSource): Promise<readonly string[]>;
  copyTo(source: SqlSource, path: string, options?: CopyOptions): Promise<{ rows: number }>;
  copyOwn(source: SqlSource, path: string): Promise<{ rows: number }>;
  viewPartials(name: string, source: SqlSource, scan: string): Promise<void>;
  /** Ends the running statement. The database can then only be closed. */
  interrupt(): void;
}

export type OpenDatabase<Options = LockedDatabaseOptions> = (options: Options) => Promise<SqlDatabase>;

/**
 * Calls `use` with a database. Interrupts it when `signal` aborts, and closes it at the end.
 *
 * @throws the signal's reason once it aborts, and whatever `use` throws
 */
export async function useDatabase<T>(
  database: Promise<SqlDatabase>,
  use: (database: SqlDatabase) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  await using opened = await database;
  return await whileInUse(opened, use, signal);
}

/**
 * Calls `use` with an open database, and interrupts it when `signal` aborts. An interrupted database can only
 * be closed.
 *
 * @throws the signal's reason once it aborts, and whatever `use` throws
 */
export async function whileInUse<T>(
  opened: SqlDatabase,
  use: (database: SqlDatabase) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const interrupt = () => opened.interrupt();
  signal.addEventListener("abort", interrupt, { once: true });
  try {
    signal.throwIfAborted();
    return await use(opened);
  } catch (error) {
    if (isShardmillError(error, "INTERRUPTED")) signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", interrupt);
  }
}
