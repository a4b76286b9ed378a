import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { ShardmillError } from "../core/errors.ts";
import type { Field } from "../domain/dataset.ts";
import { boundPredicate } from "./bound-predicate.ts";
import { checkSelect, extractOne, isBlank } from "./check-select.ts";
import { BUCKET_SETTINGS, inBuckets } from "./in-buckets.ts";
import { jsonValue } from "./json-values.ts";
import { type LockedDatabaseOptions, lockingSettings } from "./locking.ts";
import { plainTypeOf } from "./plain-types.ts";
import { quoteIdentifier, quoteLiteral } from "./quote.ts";
import type { CopyOptions, SqlDatabase } from "./sql-database.ts";
import { NUL_IN_SQL, type SqlSource, sqlError, sqlRefused } from "./sql-error.ts";
import { createTables } from "./sql-tables.ts";
import { restoredSelect, storedSelect } from "./typed-select.ts";

/** Interval of repeated interrupts: DuckDB ignores one that arrives before the statement starts. */
const INTERRUPT_AGAIN_MS = 20;
const RESULT_VIEW = `temp.main.${quoteIdentifier("shardmill:result")}`;

/**
 * DuckDB in memory, locked to a few folders: no other one ever runs a user's SQL. Its statements cannot
 * attach, install, load, leave the folders or unlock the settings.
 *
 * Law `same-commits-same-output`: the same statements over the same files give the same bytes. This needs
 * **one thread**: several would sum floats and emit groups in a varying order. That is slower only where a
 * `final` reads all `rows`. A reduction with a `combine` does its heavy part on the workers, with one thread
 * each. For the same reason, insertion order is kept and the time zone is UTC. The law assumes one memory
 * limit, because spilling changes the order of groups without ORDER BY. It does not cover SQL that uses
 * chance or the time (`random()`, `now()`).
 *
 * Statements run one after the other, outside the calling thread. `run`, `rows` and `copyOwn` are for our own
 * SQL, and `copyTo` is for a user's. A user's SELECT cannot change a setting (see {@link checkSelect}), but
 * each reduction still has its own database.
 */
export class LockedDatabase implements SqlDatabase {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  readonly #spillFolder: string;
  #last: Promise<unknown> = Promise.resolve();
  #running = 0;
  #interrupted = false;
  #interrupter: NodeJS.Timeout | null = null;

  constructor(instance: DuckDBInstance, connection: DuckDBConnection, spillFolder: string) {
    this.#instance = instance;
    this.#connection = connection;
    this.#spillFolder = spillFolder;
  }

  /**
   * Runs our own SQL for its effect.
   *
   * @throws {SQL_INVALID} {SQL_FAILED} {INTERRUPTED}
   */
  async run(sql: string): Promise<void> {
    const source = { where: "sql", sql };
    await this.#inTurn(source, () => this.#connection.run(sql));
  }

  /**
   * Returns the rows of our own SQL, as JSON values (see {@link jsonValue}). Holds all in memory: use a
   * LIMIT.
   *
   * @throws {SQL_INVALID} {SQL_FAILED} {INTERRUPTED}
   */
  async rows(sql: string): Promise<Record<string, unknown>[]> {
    const source = { where: "sql", sql };
    return this.#inTurn(source, async () => {
      const reader = await this.#connection.runAndReadAll(sql);
      return reader.convertRowObjects(jsonValue);
    });
  }

  /** @throws {SQL_INVALID} when the text is not one statement of SQL. Names are not checked. */
  async checkSyntax(source: SqlSource): Promise<void> {
    await this.#inTurn(source, () => extractOne(this.#connection, source));
  }

  /**
   * Checks a user's predicate over the columns of `table`, and returns its plan: see {@link boundPredicate}.
   *
   * @throws {SQL_INVALID} {SQL_FAILED} {INTERRUPTED}
   */
  async bindPredicate(source: SqlSource, table: string): Promise<string | null> {
    return this.#inTurn(source, () => {
      if (isBlank(source.sql)) throw sqlRefused(source, BLANK_PREDICATE);
      return boundPredicate(this.#connection, source, table);
    });
  }

  /**
   * Runs a user's SELECT and writes its result as a zstd Parquet file, in the result's order. Types that
   * Parquet would change are stored in an exact form (see {@link storedSelect}). A failure leaves no file.
   *
   * @param source SQL, with its name for errors in `where`: `reduce.confusion.final`
   * @throws {SQL_INVALID} when the text is not one SELECT, does not bind, or calls a function that acts
   * @throws {SQL_INVALID} when such a file cannot hold a column
   * @throws {SQL_FAILED} {INTERRUPTED}
   */
  async copyTo(source: SqlSource, path: string, options: CopyOptions = {}): Promise<{ rows: number }> {
    const { storedFor = "published", columns, by } = options;
    return this.#inTurn(source, () =>
      this.#withResultView(source, async () => {
        const select = await storedSelect(this.#connection, RESULT_VIEW, { source, storedFor, columns });
        if (by === undefined) return this.#copy(select, path);
        return this.#copy(inBuckets(select, by), path, BUCKET_SETTINGS);
      }),
    );
  }

  /**
   * Returns the column names of a user's SELECT, with any duplicates.
   *
   * @throws {SQL_INVALID} as {@link copyTo} does
   */
  async columnNames(source: SqlSource): Promise<readonly string[]> {
    return this.#inTurn(source, async () => {
      await checkSelect(this.#connection, source);
      const statement = await this.#connection.prepare(source.sql);
      try {
        return Array.from({ length: statement.columnCount }, (_, index) => statement.columnName(index));
      } finally {
        statement.destroySync();
      }
    });
  }

  /** Returns the columns of our own SELECT over text. @throws {SQL_INVALID} {SQL_FAILED} */
  async columnsOf(sql: string): Promise<Field[]> {
    return this.#inTurn({ where: "sql", sql }, async () => {
      const statement = await this.#connection.prepare(sql);
      try {
        return Array.from({ length: statement.columnCount }, (_, index) => ({
          name: statement.columnName(index),
          type: plainTypeOf(statement.columnType(index)),
          nullable: true,
        }));
      } finally {
        statement.destroySync();
      }
    });
  }

  /**
   * Keeps a user's SELECT as the view `name`. Returns our own SELECT of its `columns`, which {@link copyOwn}
   * writes as {@link copyTo} would. The SELECT can run again while the underlying tables change.
   *
   * @throws {SQL_INVALID} as {@link copyTo} does
   */
  async viewResult(name: string, source: SqlSource, columns: readonly string[]): Promise<string> {
    return this.#inTurn(source, async () => {
      await this.#createView(`temp.main.${quoteIdentifier(name)}`, source);
      return storedSelect(this.#connection, quoteIdentifier(name), {
        source,
        storedFor: "published",
        columns,
      });
    });
  }

  /**
   * Writes the result of our own SELECT as {@link copyTo} does, in DuckDB's own types.
   *
   * @throws {SQL_FAILED} {INTERRUPTED}
   */
  async copyOwn(source: SqlSource, path: string): Promise<{ rows: number }> {
    return this.#inTurn(source, () => this.#copy(source.sql, path));
  }

  /**
   * Makes the view `name` over files that {@link copyTo} made as partials of the SELECT `source`. The view's
   * columns have the SELECT's types again. The tables that the SELECT reads must exist, with or without rows.
   *
   * @param scan table expression over the files
   * @throws {SQL_INVALID} {SQL_FAILED} {INTERRUPTED}
   */
  async viewPartials(name: string, source: SqlSource, scan: string): Promise<void> {
    await this.#inTurn(source, async () => {
      const select = await this.#withResultView(source, () =>
        restoredSelect(this.#connection, RESULT_VIEW, { source, scan }),
      );
      await this.#connection.run(`CREATE OR REPLACE VIEW ${quoteIdentifier(name)} AS ${select}`);
    });
  }

  /** Stops the running statement and refuses later ones with INTERRUPTED. Then only close the database. */
  interrupt(): void {
    this.#interrupted = true;
    if (this.#running === 0 || this.#interrupter !== null) return;
    this.#connection.interrupt();
    this.#interrupter = setInterval(() => this.#connection.interrupt(), INTERRUPT_AGAIN_MS);
  }

  /** Interrupts the running statement, waits for it, and releases all resources. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.interrupt();
    await this.#last;
    this.#connection.disconnectSync();
    this.#instance.closeSync();
    await rm(this.#spillFolder, { recursive: true, force: true });
  }

  /** Runs one task at a time, in the order of the calls. */
  #inTurn<T>(source: SqlSource, task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(async () => {
      if (this.#interrupted) throw interrupted(source);
      if (source.sql.includes("\0")) throw sqlRefused(source, NUL_IN_SQL);
      this.#running += 1;
      try {
        return await task();
      } catch (error) {
        throw sqlError(error, source);
      } finally {
        this.#running -= 1;
        this.#stopInterrupting();
      }
    });
    this.#last = result.catch(() => {});
    return result;
  }

  #stopInterrupting(): void {
    if (this.#interrupter !== null) clearInterval(this.#interrupter);
    this.#interrupter = null;
  }

  /** Makes a view. The user's text comes last, so that its brackets and comments cannot change ours. */
  async #createView(name: string, source: SqlSource): Promise<void> {
    await checkSelect(this.#connection, source);
    const prefix = `CREATE OR REPLACE TEMP VIEW ${name} AS `;
    try {
      await this.#connection.run(prefix + source.sql);
    } catch (error) {
      throw sqlError(error, source, Buffer.byteLength(prefix));
    }
  }

  async #withResultView<T>(source: SqlSource, use: () => Promise<T>): Promise<T> {
    await this.#createView(RESULT_VIEW, source);
    try {
      return await use();
    } finally {
      await this.#connection.run(`DROP VIEW IF EXISTS ${RESULT_VIEW}`).catch(() => {});
    }
  }

  async #copy(select: string, path: string, settings = "COMPRESSION zstd"): Promise<{ rows: number }> {
    try {
      const copy = `COPY (${select}) TO ${quoteLiteral(path)} (FORMAT parquet, ${settings})`;
      return { rows: (await this.#connection.run(copy)).rowsChanged };
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
  }
}

/**
 * Opens a database that is locked to `folders` and to its own spill folder in `tempFolder`. The caller
 * disposes of it.
 *
 * @throws {SQL_FAILED} when DuckDB cannot start
 */
export async function openLockedDatabase(options: LockedDatabaseOptions): Promise<LockedDatabase> {
  await mkdir(options.tempFolder, { recursive: true });
  const spillFolder = await mkdtemp(join(options.tempFolder, "duckdb-"));
  let instance: DuckDBInstance | null = null;
  try {
    instance = await DuckDBInstance.create(":memory:", { threads: String(options.threads ?? 1) });
    const connection = await instance.connect();
    if (options.optimizes === "constants") await connection.run(await onlyConstants(connection));
    // In one text, because each call takes half a millisecond.
    const settings = lockingSettings(options, spillFolder).map((setting) => `SET ${setting}`);
    const tables = options.tables === undefined ? [] : createTables(options.tables);
    await connection.run([...settings, ...tables].join(";"));
    return new LockedDatabase(instance, connection, spillFolder);
  } catch (error) {
    instance?.closeSync();
    await rm(spillFolder, { recursive: true, force: true });
    throw sqlError(error, { where: "opening DuckDB", sql: "" });
  }
}

/** Returns the setting that disables all of DuckDB's optimizers but the one that computes constants. */
async function onlyConstants(connection: DuckDBConnection): Promise<string> {
  const all = await connection.runAndReadAll("SELECT name FROM duckdb_optimizers()");
  const others = all.getRows().map(([name]) => String(name));
  const disabled = others.filter((name) => name !== "expression_rewriter");
  return `SET disabled_optimizers = ${quoteLiteral(disabled.join(","))}`;
}

const BLANK_PREDICATE = { what: "the condition is empty", expected: "one condition", found: "nothing" };

function interrupted({ where }: SqlSource): ShardmillError {
  return new ShardmillError("INTERRUPTED", `${where} was interrupted`, { fields: { where } });
}
