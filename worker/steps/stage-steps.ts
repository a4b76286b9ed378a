import type { RecordBatch, Schema } from "apache-arrow";
import { gather } from "../../shared/dataset/gather.ts";
import { recordBatchOf } from "../../shared/dataset/record-batch.ts";
import { rowBytes } from "../../shared/dataset/value-bytes.ts";
import type { JobStores } from "../../shared/domain/job-stores.ts";
import type { Shard } from "../../shared/domain/shard.ts";
import { joinSteps, type StepBinding, type StepColumns } from "../../shared/domain/step-binding.ts";
import type { StepJob } from "../../shared/domain/step-job.ts";
import { waitMsOf } from "../../shared/domain/waiting-steps.ts";
import { applyStep, ofShard, type SteppedRows } from "../../shared/steps/apply-step.ts";
import type { Step } from "../../shared/steps/step.ts";
import type { BusyMeter } from "../meter/busy-meter.ts";
import { PieceBudget } from "./piece-budget.ts";
import { mostPieceBytes, type PieceRows, pieceRowsIn, pieceRowsOf } from "./piece-rows.ts";
import { StepThreads } from "./step-threads.ts";

/**
 * Limit of results in one stage that are in progress or wait, for all shard threads of a worker together.
 * Sixteen threads with images stay below it. A prefetched shard has the same limit again.
 */
const HELD_BYTES = 1 << 30;

/**
 * Limit of record batches that wait in a thread for a server. Together they have some ten thousand rows, more
 * than any server answers concurrently.
 */
const WAITING_BATCHES = 32;

interface StageStepsOptions {
  readonly stage: "prepare" | "finish";
  /** Steps of the stage, at least one. */
  readonly steps: readonly StepBinding[];
  readonly threads: number;
  /** Shard threads of the worker, each with such a stage. */
  readonly shardThreads: number;
  readonly scratchPath: string;
  readonly stores: JobStores;
  readonly ofJob?: StepJob | undefined;
  readonly meter: Pick<BusyMeter, "add">;
  /** Opens the step that runs all steps. Default: separate threads. */
  readonly open?: (steps: readonly StepBinding[]) => Step;
}

/**
 * Steps of a stage. The threads get the columns that the steps read, and return the columns that they make.
 * All other columns are joined here.
 */
export class StageSteps implements AsyncDisposable {
  readonly #threads: number;
  readonly #pieceRows: PieceRows;
  readonly #columns: StepColumns;
  readonly #step: Step;
  readonly #budget: PieceBudget;
  readonly #schemas = new Map<string, Promise<Schema>>();

  constructor(options: StageStepsOptions) {
    const { stage, steps, shardThreads, scratchPath, stores, ofJob, meter, open } = options;
    const joined = joinSteps(`map.${stage}`, steps);
    // One thread sends all requests, in the order of the rows. Several would share limits unevenly.
    const isWaiting = steps.some((step) => waitMsOf(step) !== null);
    const threads = isWaiting ? 1 : options.threads;
    const batches = isWaiting ? WAITING_BATCHES : 1;
    this.#threads = threads;
    this.#pieceRows = pieceRowsOf(joined.steps, joined.columns);
    const expected = mostPieceBytes(joined.steps, this.#pieceRows.most) ?? 0;
    this.#budget = new PieceBudget(HELD_BYTES / shardThreads, threads * batches + 1, expected);
    this.#columns = joined.columns;
    const onBusy = (ms: number) => meter.add(stage, ms);
    this.#step =
      open?.(joined.steps) ??
      new StepThreads({
        ...{ steps: joined.steps, scratchPath, stores, count: threads, batches, onBusy },
        ...(ofJob === undefined ? {} : { job: ofJob }),
      });
  }

  /**
   * Pieces that keep all threads busy, within the memory budget. One extra piece waits for the first thread
   * that ends.
   */
  get atOnce(): number {
    return this.#budget.pieces;
  }

  /** Returns the rows of each piece that a record batch is cut into. */
  pieceRows(rows: number): number {
    return pieceRowsIn(rows, this.#pieceRows, this.#threads);
  }

  /**
   * @param shard shard of the rows. Undefined: they are of none
   * @throws errors of a step, naming the step
   */
  async run(batch: RecordBatch, shard: Shard | undefined, signal: AbortSignal): Promise<SteppedRows> {
    const rows = await applyStep(ofShard(this.#step, shard), this.#columns, batch, signal);
    const { data, numRows } = rows.batch;
    if (batch.numRows > 0) this.#budget.seen(rowBytes(data, 0, numRows));
    return rows;
  }

  /** Returns the schema behind the steps for a schema in front of them, by a run without rows. */
  schemaOf(schema: Schema, signal: AbortSignal): Promise<Schema> {
    const key = schema.fields.map(({ name, type }) => `${name} ${type}`).join("\n");
    const known = this.#schemas.get(key);
    if (known !== undefined) return known;
    const none = recordBatchOf(
      schema,
      0,
      schema.fields.map(({ type }) => gather(type, [])),
    );
    const found = this.run(none, undefined, signal).then(({ batch }) => batch.schema);
    found.catch(() => this.#schemas.delete(key));
    this.#schemas.set(key, found);
    return found;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.#step[Symbol.asyncDispose]());
  }
}
