import type { RecordBatch, Table } from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import { combineChunks } from "../../shared/dataset/combine-chunks.ts";
import { cutTable } from "../../shared/dataset/cut-rows.ts";
import { localPathOf } from "../../shared/domain/location.ts";
import type { ModuleReductions } from "../../shared/domain/module-reduction.ts";
import { ReductionThread } from "../../extensions/code/threads/reduction-thread-client.ts";

/**
 * What code is given at once. The same rows are cut at the same places, whatever batches the model ran: code
 * that adds up batch by batch gets the same sums.
 */
const PIECE = { rows: 16_384, bytes: 16 * 1024 * 1024 };

/** A user's own code that combines shards: each reduction in a thread of its own, kept for the next shard. */
export class CodeCombiner implements AsyncDisposable {
  readonly #reductions: ModuleReductions;
  readonly #threads = new Map<string, ReductionThread>();

  constructor(reductions: ModuleReductions) {
    this.#reductions = reductions;
  }

  /**
   * The combined table of a shard's rows.
   *
   * @throws {STEP_INVALID} {STEP_FAILED} with the place in the user's file
   */
  async combine(name: string, rows: Table, signal: AbortSignal): Promise<Table> {
    const { reads, file, where } = present(this.#reductions[name], "a reduction of the user's own code");
    let thread = this.#threads.get(name);
    if (thread === undefined || thread.isLost) {
      thread = new ReductionThread(localPathOf(file.location), where);
      this.#threads.set(name, thread);
    }
    return await thread.reduce("combine", piecesOf(rows.select([...reads])), signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#threads.values()].map((thread) => thread[Symbol.asyncDispose]()));
  }
}

function* piecesOf(rows: Table): Generator<RecordBatch, void> {
  if (rows.numRows === 0) return;
  for (const { start, end } of cutTable(rows, PIECE)) {
    yield* combineChunks(rows.slice(start, end)).batches;
  }
}
