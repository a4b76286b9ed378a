import type { Data, RecordBatch } from "apache-arrow";
import type { LoadedStep } from "./loaded-step.ts";

/** A row that becomes a dead letter. */
export interface FailedRow {
  /** Its place in the given record batch. */
  readonly row: number;
  readonly code: "ROW_NULL" | "ROW_VALUE" | "ROW_FAILED";
  readonly message: string;
}

/** What a step made of the rows of a record batch. */
export interface RowsMade {
  /** The step's columns, in the order in which it declares them. */
  readonly columns: readonly Data[];
  /** By row of `columns`, the row of the record batch that it was made of: ascending. */
  readonly sources: readonly number[];
  /** In order. Each has a row in `columns`, whose values do not matter. */
  readonly failed: readonly FailedRow[];
}

/** Rows for a step. */
export interface RowsTask {
  readonly step: LoadedStep;
  /** The columns that the step reads, plain. */
  readonly batch: RecordBatch;
  /** Rows that it is not given, because they have failed already. */
  readonly lost: readonly FailedRow[];
  /** Rows at work at once. */
  readonly concurrency: number;
  /** What `open` returned. */
  readonly state: unknown;
  /** How errors name the step. */
  readonly where: string;
  /** Told before each call of the step, with the row; null: with all rows. */
  readonly onCall: (row: number | null) => void;
}
