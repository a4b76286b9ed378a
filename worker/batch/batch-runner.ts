import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import type { MapBinding } from "../../shared/domain/map-binding.ts";
import { neededTensors } from "../../shared/domain/open-dims.ts";
import type { TensorData } from "../../shared/domain/tensor.ts";
import type { InferResult, Lanes } from "../lanes/lanes.ts";
import { type BatchRuns, runsOf } from "../lanes/run-in-turn.ts";
import type { BusyMeter } from "../meter/busy-meter.ts";
import { type Batch, buildFeeds, countPositions, halve, rowsRun } from "./batch.ts";
import type { BatchSizer } from "./batch-sizer.ts";
import type { BufferPool } from "./buffer-pool.ts";
import { rowMisfit } from "./output-shape.ts";
import { RowStates } from "./row-states.ts";

/** Outcome of a batch, in the order of its rows. */
export type BatchOutcome =
  | {
      readonly kind: "mapped";
      readonly batch: Batch;
      readonly outputs: Readonly<Record<string, TensorData>>;
    }
  /** Batch of one row, on which the model fails. */
  | { readonly kind: "failed"; readonly batch: Batch; readonly message: string };

/**
 * Limit of failed runs for one batch. Finding one bad row among 1,024 costs 11, so the limit finds about a
 * hundred. With more bad rows, the search would look like a hanging worker.
 */
const MAX_FAILURES = 1024;

/** Single rows that fail before the model is at fault, if no row has worked yet. */
const ROWS_TO_BLAME_MODEL = 32;

/** Failed runs that a batch may still cost. */
interface Budget {
  failuresLeft: number;
}

function newBudget(): Budget {
  return { failuresLeft: MAX_FAILURES };
}

interface BatchRunnerOptions {
  readonly lanes: Lanes;
  readonly map: MapBinding;
  readonly sizer: Pick<BatchSizer, "observe" | "outOfMemory" | "runRows">;
  readonly pool: BufferPool;
  readonly meter: BusyMeter;
  readonly signal: AbortSignal;
}

/**
 * Runs the batches of one shard. A batch that the model fails on, or that gives outputs of a wrong shape, is
 * split in halves. Halving stops at the single rows at fault. A batch too large for the device is split until
 * it fits.
 *
 * ```
 * 1 2 3 4 5 6 7 8   failed
 * 1 2 3 4           mapped
 *         5 6 7 8   failed
 *         5 6       failed -> 5 mapped, 6 dead letter
 *             7 8   mapped
 * ```
 */
export class BatchRunner {
  readonly #options: BatchRunnerOptions;
  readonly #outputs: readonly string[];
  readonly #states: RowStates;
  #everMapped = false;
  #rowsFailed = 0;
  #lastFailure: ShardmillError | null = null;

  constructor(options: BatchRunnerOptions) {
    this.#options = options;
    this.#states = new RowStates(options.map.state ?? []);
    this.#outputs = [...new Set([...neededTensors(options.map), ...this.#states.outputs])];
  }

  /**
   * Runs a batch.
   *
   * @throws {MODEL_FAILED} when every row so far fails, or too many of this batch
   * @throws {MODEL_SHAPE} when every row so far has an output of another shape
   * @throws {OUT_OF_MEMORY} when even one row does not fit
   */
  run(batch: Batch): Promise<readonly BatchOutcome[]> {
    return this.#run(batch, newBudget());
  }

  /**
   * Checks, after the last batch, that the model worked on at least one row. Otherwise the data is not at
   * fault.
   *
   * @throws {MODEL_FAILED} when the model failed on every row
   * @throws {MODEL_SHAPE} when the model failed on every row, by a wrong output shape
   */
  checkSomeMapped(): void {
    if (!this.#everMapped && this.#lastFailure !== null) throw this.#blameModel(this.#lastFailure);
  }

  async #run(batch: Batch, budget: Budget): Promise<readonly BatchOutcome[]> {
    const { sizer, map } = this.#options;
    const runs = this.#runsOf(batch);
    try {
      const outputs = await this.#inferOnce(batch, runs);
      this.#everMapped = true;
      return [{ kind: "mapped", batch, outputs }];
    } catch (error) {
      this.#options.signal.throwIfAborted();
      if (isShardmillError(error, "OUT_OF_MEMORY")) {
        sizer.outOfMemory({ rows: batch.rows, length: batch.length });
        // A model with a fixed batch takes as much memory for one row as for all.
        if (batch.rows === 1 || map.fixedBatchRows !== null) throw error;
      } else if (isShardmillError(error, "MODEL_FAILED") || isShardmillError(error, "MODEL_SHAPE")) {
        if (runs === null) budget.failuresLeft -= 1;
        if (batch.rows === 1) return [this.#failRow(batch, error)];
        if (budget.failuresLeft <= 0) throw tooManyRows(error);
      } else {
        throw error;
      }
    }
    const [first, rest] = halve(batch, runs?.rows);
    // Each run may cost as many failures as a batch of one run.
    const budgetOf = () => (runs === null ? budget : newBudget());
    return [...(await this.#run(first, budgetOf())), ...(await this.#run(rest, budgetOf()))];
  }

  /** Returns the runs of a batch. Null: the batch is one run. */
  #runsOf({ rows }: Batch): BatchRuns | null {
    const { sizer, map } = this.#options;
    const runRows = map.fixedBatchRows ?? sizer.runRows;
    return runRows === null || rows <= runRows ? null : runsOf(map, runRows);
  }

  async #inferOnce(batch: Batch, runs: BatchRuns | null): Promise<InferResult["outputs"]> {
    const { lanes, map, sizer, pool, meter, signal } = this.#options;
    signal.throwIfAborted();
    const feeds = meter.time("tensorize", () => buildFeeds(batch, map, pool, this.#states));
    const result = await lanes.infer(feeds, this.#outputs, runs, signal);
    pool.give(result.feeds);
    sizer.observe({ rows: batch.rows, length: batch.length }, result.runMs);
    meter.add("infer", result.runMs);
    const rows = rowsRun(batch.rows, map);
    if (batch.length !== null) {
      const run = rows * batch.length;
      meter.addPositions({ run, padded: run - countPositions(batch) });
    }
    const misfit = rowMisfit(result.outputs, map.outputs, { rows, lengths: batch.lengths });
    // Thrown before states are kept, so that rows run again with the same states.
    if (misfit !== null) throw misfit;
    this.#states.keep(batch, rows, result.outputs);
    return result.outputs;
  }

  #failRow(batch: Batch, error: ShardmillError): BatchOutcome {
    this.#rowsFailed += 1;
    this.#lastFailure = error;
    if (!this.#everMapped && this.#rowsFailed >= ROWS_TO_BLAME_MODEL) throw this.#blameModel(error);
    return { kind: "failed", batch, message: error.message };
  }

  #blameModel(cause: ShardmillError): ShardmillError {
    return new ShardmillError(cause.code, `the model fails on every row: ${cause.message}`, {
      fields: { ...cause.fields, rowsFailed: this.#rowsFailed },
      ...(cause.hint === undefined ? {} : { hint: cause.hint }),
      cause,
    });
  }
}

/** Runner of a job without a model: all rows pass. */
export const PASSING_RUNNER: Pick<BatchRunner, "run" | "checkSomeMapped"> = {
  run: async (batch) => [{ kind: "mapped", batch, outputs: {} }],
  checkSomeMapped: () => {},
};

function tooManyRows(cause: ShardmillError): ShardmillError {
  return new ShardmillError("MODEL_FAILED", `the model fails on too many rows: ${cause.message}`, {
    fields: { ...cause.fields, failures: MAX_FAILURES },
    cause,
  });
}
