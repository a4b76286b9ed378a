import type { RecordBatch } from "apache-arrow";
import type { JobStores } from "../domain/job-stores.ts";
import type { DeadLetter, DeadLetterCode } from "../domain/partial.ts";
import type { Shard } from "../domain/shard.ts";
import type { StepJob } from "../domain/step-job.ts";
import type { NotedRows } from "./noted-rows.ts";

/** Row that a step cannot process. */
export interface RowFailure {
  /** Index among the rows that the step made. The values of this row are ignored. */
  readonly row: number;
  readonly code: DeadLetterCode;
  readonly message: string;
  /** Stage of the dead letter. Default: that of the steps, `prepare` or `finish`. */
  readonly stage?: DeadLetter["stage"];
}

/** Result of a step for one record batch. */
export interface StepResult {
  /** Columns that the step makes, in the order of its plan, and no others. There may be none. */
  readonly made: RecordBatch;
  /**
   * Source row of each row of `made`, ascending. A source row that is missing is dropped. One that is
   * repeated became several rows, its parts. Null: each row gives one, in order.
   */
  readonly sources: Uint32Array | null;
  /** Rows of `made` that become dead letters, in order, with all parts of their rows. Default: none. */
  readonly failed?: readonly RowFailure[];
  /** Input rows that the step notes. Default: none. */
  readonly noted?: Partial<NotedRows>;
}

/**
 * Step of the map, opened on a worker. The result of a row must depend on that row alone, not on how rows are
 * cut into batches. The same row must give the same bytes.
 */
export interface Step extends AsyncDisposable {
  /**
   * @param batch columns that the step reads, in the order of its plan. There may be none
   * @throws errors with the step's key path
   */
  run(batch: RecordBatch, signal: AbortSignal): Promise<StepResult>;
  /**
   * Returns the step for rows of one shard, for steps that keep data by shard. Rows of no shard, as in `try`,
   * are for the step itself.
   */
  ofShard?(shard: Shard): Pick<Step, "run">;
}

export interface OpenStepOptions {
  /** Folder on this machine in which the step creates and removes its own files. */
  readonly scratchPath: string;
  /** Settings for the files that rows name. */
  readonly stores: JobStores;
  /** Local paths of the binding's files, in their order. */
  readonly paths: readonly string[];
  /** Facts of the job. Default: the step runs outside of a job. */
  readonly job?: StepJob;
  /** Opens the model of a stage, as a step. Default: there is none. */
  readonly openModel?: (stage: number) => Promise<Step>;
}
