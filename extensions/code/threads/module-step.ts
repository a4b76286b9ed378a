import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { RecordBatch } from "apache-arrow";
import { orAbort } from "../../../shared/core/abort.ts";
import { present } from "../../../shared/core/assert.ts";
import { ShardmillError } from "../../../shared/core/errors.ts";
import { packBatch, unpackBatch } from "../../../shared/dataset/packed-table.ts";
import { plainCopy } from "../../../shared/dataset/plain-batch.ts";
import { madeColumns, type StepBinding } from "../../../shared/domain/step-binding.ts";
import type { OpenStepOptions, Step, StepResult } from "../../../shared/steps/step.ts";
import type { FailedRow } from "../run/run-task.ts";
import { type ModuleAnswer, ModuleThread } from "./module-thread-client.ts";
import { ThreadLost } from "./user-thread.ts";
import { ALL_ROWS } from "./user-thread-protocol.ts";

/**
 * Limit of rows in one record batch that may end their thread, each after a timeout. If more rows do, the
 * step itself is at fault.
 */
const MOST_LOST = 10;

/**
 * Opens a user's own code as a step. The first record batch starts its thread.
 *
 * @param timeoutSeconds time limit of a row, or of a call with a record batch
 */
export async function openModuleStep(
  binding: StepBinding,
  timeoutSeconds: number,
  { scratchPath, paths }: Omit<OpenStepOptions, "stores">,
): Promise<Step> {
  const bundle = present(paths[0], "a module's bundle is one of its files");
  const folder = await mkdtemp(join(scratchPath, "step-"));
  // Node chooses the module format by the file's extension.
  const path = join(folder, "step.mjs");
  await copyFile(bundle, path);
  return new ModuleStep(binding, timeoutSeconds * 1000, { folder, path });
}

class ModuleStep implements Step {
  readonly #binding: StepBinding;
  readonly #limitMs: number;
  readonly #made: readonly string[];
  readonly #folder: string;
  readonly #path: string;
  #thread: ModuleThread | null = null;

  constructor(
    binding: StepBinding,
    limitMs: number,
    { folder, path }: { readonly folder: string; readonly path: string },
  ) {
    this.#binding = binding;
    this.#limitMs = limitMs;
    this.#made = madeColumns(binding).map(({ name }) => name);
    this.#folder = folder;
    this.#path = path;
  }

  /**
   * Runs the step on a record batch. When the thread hangs or ends, a new one runs the rows again. One row at
   * a time identifies the row at fault.
   *
   * @throws {STEP_INVALID} naming the step
   * @throws {STEP_FAILED} naming the step
   */
  async run(batch: RecordBatch, signal: AbortSignal): Promise<StepResult> {
    const lost: FailedRow[] = [];
    for (let isCareful = false; ; isCareful = true) {
      try {
        return result(await this.#attempt(batch, lost, isCareful, signal), batch.numRows);
      } catch (error) {
        if (!(error instanceof ThreadLost)) throw error;
        if (isCareful) lost.push(...this.#rowsToBlame(error, batch.numRows, lost));
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread?.[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #attempt(
    batch: RecordBatch,
    lost: readonly FailedRow[],
    isCareful: boolean,
    signal: AbortSignal,
  ): Promise<ModuleAnswer> {
    signal.throwIfAborted();
    if (this.#thread === null || this.#thread.isLost)
      this.#thread = new ModuleThread(this.#path, this.#binding.where);
    const thread = this.#thread;
    const packed = packBatch(plainCopy(batch));
    const running = thread.run({ batch: packed, made: this.#made, lost, isCareful }, this.#limitMs);
    try {
      return await orAbort(running, signal);
    } catch (error) {
      running.catch(() => {});
      // The state of an interrupted thread is unknown.
      if (signal.aborted) await thread.kill();
      throw error;
    }
  }

  /**
   * Returns the failed rows that ended a thread.
   *
   * @throws {STEP_FAILED} when no row is at fault, or too many rows are
   */
  #rowsToBlame({ row, message }: ThreadLost, rows: number, lost: readonly FailedRow[]): readonly FailedRow[] {
    const { where } = this.#binding;
    const blamed = row === ALL_ROWS ? Array.from({ length: rows }, (_, index) => index) : [row];
    const known = new Set(lost.map((failed) => failed.row));
    const isRow = row >= 0 || row === ALL_ROWS;
    if (!isRow || lost.length >= MOST_LOST)
      throw new ShardmillError("STEP_FAILED", `${where} ${message}`, { fields: { where } });
    return blamed
      .filter((index) => !known.has(index))
      .map((index) => ({ row: index, code: "ROW_FAILED", message: `${where} ${message}` }));
  }
}

function result({ made, sources, failed }: ModuleAnswer, rows: number): StepResult {
  const isEach = sources.length === rows && sources.every((row, at) => row === at);
  return { made: unpackBatch(made), sources: isEach ? null : sources, failed };
}
