import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { NEVER } from "../core/abort.ts";
import { assertNever } from "../core/assert.ts";
import { ShardmillError } from "../core/errors.ts";
import { ProcessLink } from "../core/remote/process-link.ts";
import { endText, Remote, type RemoteEnd } from "../core/remote/remote.ts";
import { Slots } from "../core/slots.ts";
import { formatBytes } from "../core/units.ts";
import { defaultMemoryBytes, type LockedDatabaseOptions } from "./locking.ts";
import type { CopyOptions, SqlDatabase } from "./sql-database.ts";
import type { SqlSource } from "./sql-error.ts";
import { SQL_PROCESSES } from "./sql-processes.ts";

export interface SqlProcessOptions extends LockedDatabaseOptions {
  /** Kind of slot. Checks do not wait for results, which may take hours. */
  readonly purpose: "check" | "result";
  /** Time from the first statement to the last. Default: no limit. */
  readonly limitMs?: number;
  /** Aborts the wait for a slot. */
  readonly signal: AbortSignal;
}

/** Memory beyond DuckDB's own limit, which does not count everything. */
const MORE_MEMORY_BYTES = 2 ** 30;

/** Limit of processes for results, in each thread that opens some. A taker waits while all are open. */
export const RESULTS_AT_ONCE = Math.max(4, availableParallelism());

/** Slots of processes, each with one thread: more would slow each other. Few reductions wait. */
const slots = {
  check: new Slots("checks of SQL", { slots: 8, waiting: 64 }),
  result: new Slots("reductions", {
    slots: RESULTS_AT_ONCE,
    waiting: Number.POSITIVE_INFINITY,
  }),
} as const;

/** Methods of a process that runs SQL. The process has one database at a time, opened, used and closed. */
export interface SqlProcessMethods {
  open(options: LockedDatabaseOptions): Promise<void>;
  run(sql: string): Promise<void>;
  rows(sql: string): Promise<Record<string, unknown>[]>;
  checkSyntax(source: SqlSource): Promise<void>;
  bindPredicate(requested: { readonly source: SqlSource; readonly table: string }): Promise<string | null>;
  columnNames(source: SqlSource): Promise<readonly string[]>;
  copyTo(copy: Copy & { readonly options: CopyOptions }): Promise<{ rows: number }>;
  copyOwn(copy: Copy): Promise<{ rows: number }>;
  viewPartials(view: {
    readonly name: string;
    readonly source: SqlSource;
    readonly scan: string;
  }): Promise<void>;
  close(argument: null): Promise<void>;
}

interface Copy {
  readonly source: SqlSource;
  readonly path: string;
}

/**
 * {@link LockedDatabase} in a separate process. In this process, DuckDB would use the few threads that Node
 * has for files. A long statement would then block file access. DuckDB could neither be ended by force nor be
 * limited in memory or time. In a separate process, `interrupt` ends the process.
 */
class SqlProcess implements SqlDatabase {
  readonly #link: ProcessLink;
  readonly #remote: Remote<SqlProcessMethods>;
  readonly #ownFolder: string;
  readonly #release: () => void;
  #timer: NodeJS.Timeout | undefined;
  #copies = 0;
  /** Place of the running statement, for errors. */
  #where = "sql";

  constructor(options: SqlProcessOptions, ownFolder: string, release: () => void) {
    const { memoryLimitBytes = defaultMemoryBytes() } = options;
    this.#link = new ProcessLink(SQL_PROCESSES.take(), memoryLimitBytes + MORE_MEMORY_BYTES);
    this.#remote = new Remote(this.#link, { lost: (end) => lostAt(this.#where, end) });
    this.#ownFolder = ownFolder;
    this.#release = release;
  }

  async open({
    folders,
    tables,
    memoryLimitBytes,
    threads,
    optimizes,
    limitMs,
  }: SqlProcessOptions): Promise<void> {
    await this.#at("opening DuckDB").call(
      "open",
      {
        folders: [...folders, this.#ownFolder],
        tempFolder: this.#ownFolder,
        ...(tables === undefined ? {} : { tables }),
        ...(memoryLimitBytes === undefined ? {} : { memoryLimitBytes }),
        ...(threads === undefined ? {} : { threads }),
        ...(optimizes === undefined ? {} : { optimizes }),
      },
      { signal: NEVER },
    );
    if (limitMs === undefined) return;
    this.#timer = setTimeout(() => this.#remote.end({ kind: "time", limitMs }), limitMs);
  }

  run(sql: string): Promise<void> {
    return this.#at("sql").call("run", sql, { signal: NEVER });
  }

  rows(sql: string): Promise<Record<string, unknown>[]> {
    return this.#at("sql").call("rows", sql, { signal: NEVER });
  }

  checkSyntax(source: SqlSource): Promise<void> {
    return this.#at(source.where).call("checkSyntax", source, { signal: NEVER });
  }

  bindPredicate(source: SqlSource, table: string): Promise<string | null> {
    return this.#at(source.where).call("bindPredicate", { source, table }, { signal: NEVER });
  }

  columnNames(source: SqlSource): Promise<readonly string[]> {
    return this.#at(source.where).call("columnNames", source, { signal: NEVER });
  }

  copyTo(source: SqlSource, path: string, options: CopyOptions = {}): Promise<{ rows: number }> {
    return this.#copy(source, path, (remote, own) =>
      remote.call("copyTo", { source, path: own, options }, { signal: NEVER }),
    );
  }

  copyOwn(source: SqlSource, path: string): Promise<{ rows: number }> {
    return this.#copy(source, path, (remote, own) =>
      remote.call("copyOwn", { source, path: own }, { signal: NEVER }),
    );
  }

  /**
   * Copies into a private file, then moves it to its place. An ended process leaves no partial file there. A
   * process that outlives its owner cannot write into a file of the owner's successor.
   */
  async #copy(
    source: SqlSource,
    path: string,
    copyTo: (remote: Remote<SqlProcessMethods>, ownPath: string) => Promise<{ rows: number }>,
  ): Promise<{ rows: number }> {
    const ownPath = join(this.#ownFolder, `${this.#copies}.parquet`);
    this.#copies += 1;
    const copied = await copyTo(this.#at(source.where), ownPath);
    await rename(ownPath, path);
    return copied;
  }

  viewPartials(name: string, source: SqlSource, scan: string): Promise<void> {
    return this.#at(source.where).call("viewPartials", { name, source, scan }, { signal: NEVER });
  }

  interrupt(): void {
    this.#remote.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#at("closing DuckDB")
        .call("close", null, { signal: NEVER })
        .catch(() => this.interrupt());
      clearTimeout(this.#timer);
      if (this.#remote.error === null) {
        this.#remote.release();
        SQL_PROCESSES.keep(this.#link.child);
      } else await this.#remote[Symbol.asyncDispose]();
    } finally {
      this.#release();
    }
    await rm(this.#ownFolder, { recursive: true, force: true });
  }

  #at(where: string): Remote<SqlProcessMethods> {
    this.#where = where;
    return this.#remote;
  }
}

function lostAt(where: string, end: RemoteEnd): ShardmillError {
  const failed = (what: string, fields: Readonly<Record<string, string>> = {}) =>
    new ShardmillError("SQL_FAILED", `${where} failed: ${what}`, { fields: { where, ...fields } });
  switch (end.kind) {
    case "closed":
      return new ShardmillError("INTERRUPTED", `${where} was interrupted`, { fields: { where } });
    case "time":
      return failed(`not done within ${end.limitMs / 1000} seconds`, { type: "Limit", subtype: "time" });
    case "memory":
      return failed(`not done within ${formatBytes(end.bytes)} of memory`, {
        type: "Limit",
        subtype: "memory",
      });
    case "failed":
      return failed(`its process cannot be used (${endText(end)})`);
    case "exited":
      return failed(`its process exited (${endText(end)})`);
    default:
      return assertNever(end);
  }
}

/**
 * Opens a database as `openLockedDatabase` does, in a separate process. The number of processes is limited.
 * The caller disposes of it.
 *
 * @throws {SQL_FAILED} when DuckDB cannot start
 * @throws the signal's reason when it aborts before there is a slot
 */
export async function openSqlProcess(options: SqlProcessOptions): Promise<SqlDatabase> {
  const release = await slots[options.purpose].take(options.signal);
  let database: SqlProcess;
  try {
    await mkdir(options.tempFolder, { recursive: true });
    const ownFolder = await mkdtemp(join(options.tempFolder, "sql-"));
    database = new SqlProcess(options, ownFolder, release);
  } catch (error) {
    release();
    throw error;
  }
  try {
    await database.open(options);
    return database;
  } catch (error) {
    await database[Symbol.asyncDispose]();
    throw error;
  }
}
