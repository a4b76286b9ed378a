import type { RecordBatch, Schema } from "apache-arrow";
import { gather } from "../../shared/dataset/gather.ts";
import { recordBatchOf } from "../../shared/dataset/record-batch.ts";
import { rowBytes } from "../../shared/dataset/value-bytes.ts";
import type { JobStores } from "../../shared/domain/job-stores.ts";
import { joinSteps, type StepBinding, type StepColumns } from "../../shared/domain/step-binding.ts";
import { applyStep, type SteppedRows } from "../../shared/steps/apply-step.ts";
import type { Step } from "../../shared/steps/step.ts";
import type { BusyMeter } from "../meter/busy-meter.ts";
import { PieceBudget } from "./piece-budget.ts";
import { mostPieceBytes, type PieceRows, pieceRowsIn, pieceRowsOf } from "./piece-rows.ts";
import { StepThreads } from "./step-threads.ts";

/**
 * What the pieces of a shard may become that are at work or wait for their turn, in one stage and for all
 * shard threads of a worker together: sixteen threads with images stay below it. While a shard is prefetched,
 * it has as much.
 */
const HELD_BYTES = 1 << 30;

interface StageStepsOptions {
  readonly stage: "prepare" | "finish";
  /** At least one. */
  readonly steps: readonly StepBinding[];
  readonly threads: number;
  /** Shard threads of the worker, each with such a stage. */
  readonly shardThreads: number;
  readonly scratchPath: string;
  readonly stores: JobStores;
  readonly meter: Pick<BusyMeter, "add">;
  /** Opens what runs the steps. Left out: threads of their own. */
  readonly open?: (steps: readonly StepBinding[]) => Step;
}

/**
 * The steps of a stage: its threads are given what the steps read and give back what they make, and all other
 * columns are put beside that here.
 */
export class StageSteps implements AsyncDisposable {
  readonly #threads: number;
  readonly #pieceRows: PieceRows;
  readonly #columns: StepColumns;
  readonly #step: Step;
  readonly #budget: PieceBudget;
  readonly #schemas = new Map<string, Promise<Schema>>();

  constructor(options: StageStepsOptions) {
    const { stage, steps, threads, shardThreads, scratchPath, stores, meter, open } = options;
    const joined = joinSteps(`map.${stage}`, steps);
    this.#threads = threads;
    this.#pieceRows = pieceRowsOf(joined.steps, joined.columns);
    const expected = mostPieceBytes(joined.steps, this.#pieceRows.most) ?? 0;
    this.#budget = new PieceBudget(HELD_BYTES / shardThreads, threads + 1, expected);
    this.#columns = joined.columns;
    const onBusy = (ms: number) => meter.add(stage, ms);
    this.#step =
      open?.(joined.steps) ??
      new StepThreads({ steps: joined.steps, scratchPath, stores, count: threads, onBusy });
  }

  /**
   * Pieces that keep all threads busy, one more so that whichever is done first finds another: if they fit.
   */
  get atOnce(): number {
    return this.#budget.pieces;
  }

  /** Rows of each piece that a record batch of so many rows is given to the steps in. */
  pieceRows(rows: number): number {
    return pieceRowsIn(rows, this.#pieceRows, this.#threads);
  }

  /** @throws whatever a step throws, naming itself */
  async run(batch: RecordBatch, signal: AbortSignal): Promise<SteppedRows> {
    const rows = await applyStep(this.#step, this.#columns, batch, signal);
    const { data, numRows } = rows.batch;
    if (batch.numRows > 0) this.#budget.seen(rowBytes(data, 0, numRows));
    return rows;
  }

  /** Of the rows behind the steps, where those in front of them are of `schema`: found by a run over none. */
  schemaOf(schema: Schema, signal: AbortSignal): Promise<Schema> {
    const key = schema.fields.map(({ name, type }) => `${name} ${type}`).join("\n");
    const known = this.#schemas.get(key);
    if (known !== undefined) return known;
    const none = recordBatchOf(
      schema,
      0,
      schema.fields.map(({ type }) => gather(type, [])),
    );
    const found = this.run(none, signal).then(({ batch }) => batch.schema);
    found.catch(() => this.#schemas.delete(key));
    this.#schemas.set(key, found);
    return found;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.#step[Symbol.asyncDispose]());
  }
}
