import { isShardmillError } from "../core/errors.ts";
import type { LockedDatabaseOptions } from "./locking.ts";
import type { SqlSource } from "./sql-error.ts";
import type { StoredFor } from "./stored-types.ts";

export interface CopyOptions {
  /** Left out: `published`. */
  readonly storedFor?: StoredFor;
  /** Of the result, those that are written. Left out: all. */
  readonly columns?: readonly string[];
}

/**
 * A database for a user's SQL, locked to a few folders: {@link LockedDatabase} in this process, or
 * `SqlProcess`, the same in a process of its own. The methods are told at LockedDatabase.
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
  /** Ends the statement under way; the database is only good for closing after it. */
  interrupt(): void;
}

export type OpenDatabase<Options = LockedDatabaseOptions> = (options: Options) => Promise<SqlDatabase>;

/**
 * Does `use` with a database that is interrupted when `signal` aborts, and closed at the end.
 *
 * @throws the signal's reason once it aborts, and whatever `use` throws
 */
export async function useDatabase<T>(
  database: Promise<SqlDatabase>,
  use: (database: SqlDatabase) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  await using opened = await database;
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
