import type { ChildProcess } from "node:child_process";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { type Deferred, deferred } from "../core/abort.ts";
import { errorFromData, ShardmillError } from "../core/errors.ts";
import { watchMemory } from "../core/memory-watch.ts";
import { Slots } from "../core/slots.ts";
import { formatBytes } from "../core/units.ts";
import { defaultMemoryBytes, type LockedDatabaseOptions } from "./locking.ts";
import type { CopyOptions, SqlDatabase } from "./sql-database.ts";
import type { SqlSource } from "./sql-error.ts";
import { SQL_PROCESSES } from "./sql-processes.ts";
import type { SqlCommand, SqlReply, SqlRequest } from "./sql-protocol.ts";

export interface SqlProcessOptions extends LockedDatabaseOptions {
  /** Checks do not wait for results, which may take hours. */
  readonly purpose: "check" | "result";
  /** From the first statement to the last. Left out: as long as it takes. */
  readonly limitMs?: number;
  /** Ends the wait for a slot. */
  readonly signal: AbortSignal;
}

/** What the process may hold beyond DuckDB's own limit, which does not count everything. */
const MORE_MEMORY_BYTES = 2 ** 30;

/**
 * One thread each: more at once would only take each other's time. Reductions that wait are as few as the
 * jobs.
 */
const slots = {
  check: new Slots("checks of SQL", { slots: 8, waiting: 64 }),
  result: new Slots("reductions", {
    slots: Math.max(4, availableParallelism()),
    waiting: Number.POSITIVE_INFINITY,
  }),
} as const;

/**
 * A {@link LockedDatabase} in a process of its own. DuckDB works on the few threads that Node has for files:
 * beside a statement that takes its time nobody else would open one. And it cannot be ended there by force,
 * nor be held to a limit of memory or time. Here it can: `interrupt` ends the process.
 */
class SqlProcess implements SqlDatabase {
  readonly #child: ChildProcess;
  readonly #ownFolder: string;
  readonly #giveBack: () => void;
  readonly #waiting = new Map<number, Deferred<unknown>>();
  readonly #closed = deferred<void>();
  readonly #watch: Disposable;
  #timer: NodeJS.Timeout | undefined;
  #nextId = 0;
  /** Why nothing more can be asked. */
  #broken: ShardmillError | null = null;
  /** What it is at, for errors. */
  #where = "sql";

  constructor(options: SqlProcessOptions, ownFolder: string, giveBack: () => void) {
    const { memoryLimitBytes = defaultMemoryBytes() } = options;
    this.#child = SQL_PROCESSES.take();
    this.#ownFolder = ownFolder;
    this.#giveBack = giveBack;
    this.#child.on("message", this.#onReply).once("error", this.#onError).once("exit", this.#onExit);
    this.#watch = watchMemory(this.#child.pid ?? 0, {
      limitBytes: memoryLimitBytes + MORE_MEMORY_BYTES,
      onOver: (bytes) => this.#break(this.#overLimit("memory", `${formatBytes(bytes)} of memory`)),
    });
  }

  async open({ folders, memoryLimitBytes, threads, optimizes, limitMs }: SqlProcessOptions): Promise<void> {
    const options: LockedDatabaseOptions = {
      folders: [...folders, this.#ownFolder],
      tempFolder: this.#ownFolder,
      ...(memoryLimitBytes === undefined ? {} : { memoryLimitBytes }),
      ...(threads === undefined ? {} : { threads }),
      ...(optimizes === undefined ? {} : { optimizes }),
    };
    await this.#ask("opening DuckDB", { kind: "open", options });
    if (limitMs === undefined) return;
    const onEnd = () => this.#break(this.#overLimit("time", `${limitMs / 1000} seconds`));
    this.#timer = setTimeout(onEnd, limitMs);
  }

  async run(sql: string): Promise<void> {
    await this.#ask("sql", { kind: "run", sql });
  }

  async rows(sql: string): Promise<Record<string, unknown>[]> {
    return (await this.#ask("sql", { kind: "rows", sql })) as Record<string, unknown>[];
  }

  async checkSyntax(source: SqlSource): Promise<void> {
    await this.#ask(source.where, { kind: "checkSyntax", source });
  }

  async bindPredicate(source: SqlSource, table: string): Promise<string | null> {
    return (await this.#ask(source.where, { kind: "bindPredicate", source, table })) as string | null;
  }

  async columnNames(source: SqlSource): Promise<readonly string[]> {
    return (await this.#ask(source.where, { kind: "columnNames", source })) as readonly string[];
  }

  async copyTo(source: SqlSource, path: string, options: CopyOptions = {}): Promise<{ rows: number }> {
    return this.#copy({ kind: "copyTo", source, path, options });
  }

  async copyOwn(source: SqlSource, path: string): Promise<{ rows: number }> {
    return this.#copy({ kind: "copyOwn", source, path });
  }

  /**
   * Into a file of this process's own, and from there to its place: what is ended leaves no half file there,
   * and a process that outlives its owner by a moment cannot write into the file of the owner's successor.
   */
  async #copy(command: Extract<SqlCommand, { path: string }>): Promise<{ rows: number }> {
    const path = join(this.#ownFolder, `${this.#nextId}.parquet`);
    const copied = await this.#ask(command.source.where, { ...command, path });
    await rename(path, command.path);
    return copied as { rows: number };
  }

  async viewPartials(name: string, source: SqlSource, scan: string): Promise<void> {
    await this.#ask(source.where, { kind: "viewPartials", name, source, scan });
  }

  interrupt(): void {
    this.#break(
      new ShardmillError("INTERRUPTED", `${this.#where} was interrupted`, { fields: { where: this.#where } }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#ask("closing DuckDB", { kind: "close" }).catch(() => this.interrupt());
      this.#watch[Symbol.dispose]();
      clearTimeout(this.#timer);
      if (this.#broken !== null) await this.#closed.promise;
      this.#child.off("message", this.#onReply).off("error", this.#onError).off("exit", this.#onExit);
      if (this.#broken === null) SQL_PROCESSES.keep(this.#child);
    } finally {
      this.#giveBack();
    }
    await rm(this.#ownFolder, { recursive: true, force: true });
  }

  async #ask(where: string, command: SqlCommand): Promise<unknown> {
    if (this.#broken !== null) throw this.#broken;
    const id = this.#nextId;
    this.#nextId += 1;
    const reply = deferred<unknown>();
    this.#waiting.set(id, reply);
    this.#where = where;
    // A process that is gone by now says so by its exit.
    this.#child.send({ id, command } satisfies SqlRequest, () => {});
    return reply.promise;
  }

  readonly #onReply = (reply: SqlReply): void => {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (reply.kind === "done") waiting?.resolve(reply.value);
    else waiting?.reject(errorFromData(reply.error));
  };

  readonly #onError = (error: Error): void => {
    this.#break(this.#failed(`its process cannot be used (${error.message})`));
    // One that never started does not exit.
    if (this.#child.pid === undefined) this.#closed.resolve();
  };

  readonly #onExit = (code: number | null, signal: string | null): void => {
    this.#break(this.#failed(`its process ended (${signal ?? `exit code ${code}`})`));
    this.#closed.resolve();
  };

  #overLimit(limit: "memory" | "time", taken: string): ShardmillError {
    return this.#failed(`not done within ${taken}`, { type: "Limit", subtype: limit });
  }

  #failed(what: string, fields: Readonly<Record<string, string>> = {}): ShardmillError {
    const where = this.#where;
    return new ShardmillError("SQL_FAILED", `${where} failed: ${what}`, { fields: { where, ...fields } });
  }

  /** The first reason counts. */
  #break(error: ShardmillError): void {
    this.#broken ??= error;
    this.#child.kill("SIGKILL");
    for (const waiting of this.#waiting.values()) waiting.reject(this.#broken);
    this.#waiting.clear();
  }
}

/**
 * Opens a database as `openLockedDatabase` does, in a process of its own, of which there are a few at once at
 * most. The caller disposes it.
 *
 * @throws {SQL_FAILED} when DuckDB cannot start; the signal's reason when it aborts before there is a slot
 */
export async function openSqlProcess(options: SqlProcessOptions): Promise<SqlDatabase> {
  const giveBack = await slots[options.purpose].take(options.signal);
  let database: SqlProcess;
  try {
    await mkdir(options.tempFolder, { recursive: true });
    const ownFolder = await mkdtemp(join(options.tempFolder, "sql-"));
    database = new SqlProcess(options, ownFolder, giveBack);
  } catch (error) {
    giveBack();
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
