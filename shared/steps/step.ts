import type { RecordBatch } from "apache-arrow";
import type { JobStores } from "../domain/job-stores.ts";
import type { DeadCode } from "../domain/partial.ts";
import type { NotedRows } from "./noted-rows.ts";

/** A row that a step cannot do its work on. */
export interface RowFailure {
  /** Its place among the rows that the step made; what is in them there does not matter. */
  readonly row: number;
  readonly code: DeadCode;
  readonly message: string;
}

/** What a step made of the rows of a record batch. */
export interface StepResult {
  /** The columns that the step makes, in the order of its plan, and no others. It may have none. */
  readonly made: RecordBatch;
  /**
   * By row of `made`, the row of the given batch that it came from: ascending. A row that is not named is
   * dropped; one that is named more than once became several, its parts. Null: one row of each, in order.
   */
  readonly sources: Uint32Array | null;
  /** Rows of `made` that become dead letters, in order, with all parts of their rows. Left out: none. */
  readonly failed?: readonly RowFailure[];
  /** Rows of the given batch that the step notes. Default: none. */
  readonly noted?: Partial<NotedRows>;
}

/**
 * A step of the map, opened on a worker. Law: what becomes of a row depends on that row alone, so that it
 * does not matter how the rows of the input are cut into batches; and the same row gives the same bytes.
 */
export interface Step extends AsyncDisposable {
  /**
   * @param batch the columns that the step reads, in the order of its plan; none where it reads none
   * @throws whatever keeps it from its work, naming the step
   */
  run(batch: RecordBatch, signal: AbortSignal): Promise<StepResult>;
}

export interface OpenStepOptions {
  /** A folder of this machine: the step makes and removes its own files in it. */
  readonly scratchPath: string;
  /** Of the files that rows name. */
  readonly stores: JobStores;
  /** Where the files of its binding lie on this machine, in their order. */
  readonly paths: readonly string[];
}
