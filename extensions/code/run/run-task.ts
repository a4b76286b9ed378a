import type { Data, RecordBatch } from "apache-arrow";
import type { LoadedStep } from "./loaded-step.ts";

/** Row that becomes a dead letter. */
export interface FailedRow {
  /** Index in the given record batch. */
  readonly row: number;
  readonly code: "ROW_NULL" | "ROW_VALUE" | "ROW_FAILED";
  readonly message: string;
}

/** Rows that a step made of a record batch. */
export interface RowsMade {
  /** Columns of the step, in declared order. */
  readonly columns: readonly Data[];
  /** Source row in the record batch for each row of `columns`, ascending. */
  readonly sources: readonly number[];
  /** Failed rows, in order. Each has a row in `columns`, whose values are ignored. */
  readonly failed: readonly FailedRow[];
}

/** Rows for a step. */
export interface RowsTask {
  readonly step: LoadedStep;
  /** Columns that the step reads, plain. */
  readonly batch: RecordBatch;
  /** Rows that already failed, which the step does not get. */
  readonly lost: readonly FailedRow[];
  /** Limit of rows in work concurrently. */
  readonly concurrency: number;
  /** Return value of `open`. */
  readonly state: unknown;
  /** Name of the step in errors. */
  readonly where: string;
  /** Called before each call of the step, with the row. Null: the call has all rows. */
  readonly onCall: (row: number | null) => void;
}
