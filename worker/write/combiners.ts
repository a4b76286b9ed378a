import type { RecordBatch, Table } from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import { combineChunks } from "../../shared/dataset/combine-chunks.ts";
import { cutTable } from "../../shared/dataset/cut-rows.ts";
import { reductionValue } from "../../shared/domain/features.ts";
import type { Reduction } from "../../shared/extension/reduction-part.ts";
import type { OpenDatabase } from "../../shared/sql/sql-database.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import { type CombinedFiles, SqlCombine } from "./combine.ts";

/**
 * Limits of a batch for a program. Equal rows are cut at equal places, independent of the model's batches. So
 * a program that sums by batch gives equal sums.
 */
const PIECE = { rows: 16_384, bytes: 16 * 1024 * 1024 };

type JobReductions = Pick<JobDescription, "reduce" | "reductions" | "tables">;

/** SQL of a reduction, and the keys by whose buckets its table is ordered. */
export interface CombineSql {
  readonly reduction: string;
  readonly combine: string;
  readonly by: readonly string[] | null;
}

/**
 * Limit of databases that stay open. An idle one holds some MiB, and a job may have a thousand reductions.
 * Others are opened for each shard.
 */
const MOST_DATABASES = 8;

/** Programs and SQL that combine shards. Each reduction is opened for its first shard, and reused. */
export class Combiners implements AsyncDisposable {
  readonly #job: JobReductions;
  readonly #scratchPath: string;
  readonly #openDatabase: OpenDatabase | undefined;
  readonly #opened = new Map<string, Promise<Reduction>>();
  readonly #databases = new Map<string, SqlCombine>();

  /**
   * @param scratchPath existing folder for the folders of databases
   * @param openDatabase default: databases are in this process
   */
  constructor(job: JobReductions, scratchPath: string, openDatabase?: OpenDatabase) {
    this.#job = job;
    this.#scratchPath = scratchPath;
    this.#openDatabase = openDatabase;
  }

  /**
   * Returns the combined table of a shard's rows.
   *
   * @throws {STEP_INVALID} {STEP_FAILED} with the place in the user's file
   */
  async combine(name: string, rows: Table, signal: AbortSignal): Promise<Table> {
    const { reads, ...source } = present(this.#job.reductions[name], "a reduction by a program");
    const { part } = present(reductionValue(this.#job.reduce[name] ?? {}), "a key that names the program");
    const opening = this.#opened.get(name) ?? part.open(source);
    this.#opened.set(name, opening);
    const reduction = await opening;
    return await reduction.combine(piecesOf(rows.select([...reads])), signal);
  }

  /**
   * Makes the combined table of a shard by SQL. Call it for one shard at a time.
   *
   * @throws {SQL_INVALID} {SQL_FAILED} with DuckDB's message
   */
  async combineBySql(
    sql: CombineSql,
    files: CombinedFiles,
    signal: AbortSignal,
  ): Promise<{ readonly rows: number }> {
    signal.throwIfAborted();
    const { reduction } = sql;
    const kept = this.#databases.get(reduction);
    const options = { ...sql, tables: this.#job.tables, scratchPath: this.#scratchPath };
    const database = kept ?? (await SqlCombine.open({ ...options, open: this.#openDatabase }));
    this.#databases.delete(reduction);
    try {
      const made = await database.combine(files, signal);
      if (this.#databases.size < MOST_DATABASES) this.#databases.set(reduction, database);
      return made;
    } finally {
      if (!this.#databases.has(reduction)) await database[Symbol.asyncDispose]();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const database of this.#databases.values()) await database[Symbol.asyncDispose]();
    const opened = await Promise.all(this.#opened.values());
    await Promise.all(opened.map((reduction) => reduction[Symbol.asyncDispose]()));
  }
}

function* piecesOf(rows: Table): Generator<RecordBatch, void> {
  if (rows.numRows === 0) return;
  for (const { start, end } of cutTable(rows, PIECE)) {
    yield* combineChunks(rows.slice(start, end)).batches;
  }
}
