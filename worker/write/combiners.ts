import type { RecordBatch, Table } from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import { combineChunks } from "../../shared/dataset/combine-chunks.ts";
import { cutTable } from "../../shared/dataset/cut-rows.ts";
import { reductionValue } from "../../shared/domain/features.ts";
import type { Reduction } from "../../shared/extension/reduction-part.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";

/**
 * Limits of a batch for a program. Equal rows are cut at equal places, independent of the model's batches. So
 * a program that sums by batch gives equal sums.
 */
const PIECE = { rows: 16_384, bytes: 16 * 1024 * 1024 };

type JobReductions = Pick<JobDescription, "reduce" | "reductions">;

/** Programs that combine shards. Each reduction is opened for its first shard, and reused. */
export class Combiners implements AsyncDisposable {
  readonly #job: JobReductions;
  readonly #opened = new Map<string, Promise<Reduction>>();

  constructor(job: JobReductions) {
    this.#job = job;
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

  async [Symbol.asyncDispose](): Promise<void> {
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
