import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type RecordBatch, Schema, Table } from "apache-arrow";
import { NEVER } from "../core/abort.ts";
import { present } from "../core/assert.ts";
import { encodeParquet } from "../dataset/encode.ts";
import { gather } from "../dataset/gather.ts";
import { openDatasetFile } from "../dataset/open-dataset-file.ts";
import { plainBatch } from "../dataset/plain-batch.ts";
import { plainField } from "../dataset/plain-type.ts";
import { columnData, recordBatchOf } from "../dataset/record-batch.ts";
import { madeColumns, ROW_COLUMN, type SqlOp, type StepBinding } from "../domain/step-binding.ts";
import { type LockedDatabase, openLockedDatabase } from "../sql/locked-database.ts";
import { parquetScan, quoteIdentifier } from "../sql/quote.ts";
import { fetchedSource } from "../storage/small-file.ts";
import type { OpenStepOptions, Step, StepResult } from "./step.ts";

/** View of the result. No table of a job can have this name. */
const RESULT_VIEW = "shardmill:step";

/** Opens a SELECT as a step, with its own locked database and one thread. */
export async function openSqlStep(binding: StepBinding, op: SqlOp, options: OpenStepOptions): Promise<Step> {
  const folder = await mkdtemp(join(options.scratchPath, "step-"));
  try {
    const paths = (op.joins?.tables ?? []).map((name, at) => {
      return [name, present(options.paths[at], "a table has a file")] as const;
    });
    const tables = { paths: Object.fromEntries(paths), as: "kept" } as const;
    const database = await openLockedDatabase({ folders: [folder], tables, threads: 1, tempFolder: folder });
    return new SqlStep(binding, op, database, folder);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/**
 * Step that runs a SELECT. Rows pass to and from DuckDB as Parquet files, as in reductions, so all SQL sees
 * the types of docs/types.md.
 */
class SqlStep implements Step {
  readonly #binding: StepBinding;
  readonly #op: SqlOp;
  readonly #database: LockedDatabase;
  readonly #folder: string;
  /** SELECT for each record batch. Null: not known yet. */
  #select: string | null = null;

  constructor(binding: StepBinding, op: SqlOp, database: LockedDatabase, folder: string) {
    this.#binding = binding;
    this.#op = op;
    this.#database = database;
    this.#folder = folder;
  }

  /** @throws {SQL_FAILED} {INTERRUPTED} with the step's key path */
  async run(batch: RecordBatch, signal: AbortSignal): Promise<StepResult> {
    signal.throwIfAborted();
    const interrupt = () => this.#database.interrupt();
    signal.addEventListener("abort", interrupt, { once: true });
    try {
      await this.#load(batch);
      return await this.#result(batch.numRows);
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener("abort", interrupt);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Creates the table `rows` anew, so that its row ids are the batch's rows. */
  async #load(batch: RecordBatch): Promise<void> {
    const path = join(this.#folder, "rows.parquet");
    const { reads } = this.#binding;
    const named = this.#op.named.map((name) => `NULL::INTEGER AS ${quoteIdentifier(name)}`);
    const columns = [...reads.map(quoteIdentifier), ...named, ...(reads.length > 0 ? [] : NO_COLUMN)];
    if (reads.length > 0) await writeFile(path, encodeParquet(new Table([plainBatch(batch)])));
    const scan = reads.length > 0 ? parquetScan([path]) : `range(${batch.numRows})`;
    await this.#database.run(`CREATE OR REPLACE TABLE "rows" AS SELECT ${columns.join(", ")} FROM ${scan}`);
  }

  async #result(rows: number): Promise<StepResult> {
    const { where } = this.#binding;
    const path = join(this.#folder, "made.parquet");
    const made = madeColumns(this.#binding).map(({ name }) => name);
    const numbers = [ROW_COLUMN, ...(this.#op.joins?.order ?? [])];
    const columns = [...numbers, ...made];
    this.#select ??= await this.#database.viewResult(RESULT_VIEW, { where, sql: this.#op.select }, columns);
    await this.#database.copyOwn({ where, sql: this.#select }, path);
    return inOrder(await readAll(path, columns), numbers, rows);
  }
}

/** Column for a table without other columns, which SQL does not allow. */
const NO_COLUMN = [`range AS ${quoteIdentifier("shardmill:none")}`];

/** Reads a whole file as one record batch with its own memory. */
async function readAll(path: string, columns: readonly string[]): Promise<RecordBatch> {
  using file = await openDatasetFile(fetchedSource(path, await readFile(path)), "parquet", NEVER);
  const batches: RecordBatch[] = [];
  for await (const batch of file.read({ rowStart: 0, rowEnd: file.rows, columns, signal: NEVER }))
    batches.push(batch);
  const [only] = batches;
  if (batches.length === 1 && only !== undefined) return only;
  const fields = columns.map((name) =>
    plainField(
      present(
        file.schema.fields.find((field) => field.name === name),
        name,
      ),
    ),
  );
  const children = fields.map(({ name, type }) =>
    gather(
      type,
      batches.map((batch) => ({ data: columnData(batch, name), start: 0, end: batch.numRows })),
    ),
  );
  return recordBatchOf(new Schema(fields), file.rows, children);
}

/**
 * Sorts the result by source row, and then by matches in the order of their tables. One thread keeps the
 * order without joins and subqueries, which are joins, too. `unnest` runs last, so the results of one row and
 * its matches are contiguous.
 *
 * @param numbers columns to sort by, the source row first
 */
function inOrder(result: RecordBatch, numbers: readonly string[], rows: number): StepResult {
  const keys = numbers.map((name) => idsIn(result, name));
  const ids = present(keys[0], "the source rows");
  const compare = (a: number, b: number): number => {
    const key = keys.find((values) => values[a] !== values[b]);
    return key === undefined ? a - b : (key[a] ?? 0) - (key[b] ?? 0);
  };
  const order = Array.from(ids.keys());
  const isOrdered = order.every((at) => at === 0 || compare(at - 1, at) <= 0);
  if (!isOrdered) order.sort(compare);
  const sources = isOrdered ? ids : Uint32Array.from(order, (at) => ids[at] ?? 0);
  const isEach = sources.length === rows && sources.every((id, at) => id === at);
  const fields = result.schema.fields.filter(({ name }) => !numbers.includes(name));
  const children = fields.map(({ name }) => {
    const data = columnData(result, name);
    if (isOrdered) return data;
    return gather(
      data.type,
      order.map((at) => ({ data, start: at, end: at + 1 })),
    );
  });
  const made = recordBatchOf(new Schema(isOrdered ? fields : fields.map(plainField)), ids.length, children);
  return { made, sources: isEach ? null : sources };
}

function idsIn(result: RecordBatch, column: string): Uint32Array {
  const ids: unknown = columnData(result, column).values;
  if (!(ids instanceof BigInt64Array)) throw new Error("broken invariant: row ids are int64");
  return Uint32Array.from(ids, Number);
}
