import type { RecordBatch, Table } from "apache-arrow";
import type { Field } from "../domain/dataset.ts";
import type { ReductionBinding } from "../domain/reduction-binding.ts";
import type { ProgramPart } from "./program.ts";

/**
 * Reduction by a program of the user, which a key of `reduce` names: `module`. Workers combine the rows of
 * each shard, and the coordinator makes the result from all combined tables. It passes
 * `test/contract/reduction-contract.ts`.
 */
export interface ReductionPart {
  /** Key whose value is the user's file. It excludes SQL. */
  readonly key: string;
  /** Description of the key in the docs of the job file. */
  readonly says: string;
  /** Phrase in the docs about how such a reduction is written: `in your own code`. */
  readonly written: string;
  readonly program: ProgramPart;
  /** Loads the planner of the reduction, for the coordinator. */
  loadPlanner(): Promise<ReductionPlanner>;
  /** Opens the reduction. Its first use starts the program. The caller disposes it. */
  open(binding: ReductionSource): Promise<Reduction>;
}

/** Program of a reduction where it runs. */
export type ReductionSource = Pick<ReductionBinding, "where" | "file">;

/**
 * Binds a program to the mapped rows, without passing it any.
 *
 * @throws {STEP_INVALID} with all problems
 */
export type ReductionPlanner = (
  source: ReductionSource,
  context: ReductionContext,
) => Promise<Pick<ReductionBinding, "reads" | "combined" | "columns">>;

interface ReductionContext {
  /** Columns of the mapped rows. */
  readonly fields: readonly Field[];
  readonly signal: AbortSignal;
}

type Batches = AsyncIterable<RecordBatch> | Iterable<RecordBatch>;

/**
 * Both halves of a reduction. The same rows in the same record batches must give the same table. One call
 * runs at a time. After a failed or aborted call, the next call restarts the program.
 */
export interface Reduction extends AsyncDisposable {
  /**
   * Combines the rows of a shard.
   *
   * @param rows rows with the columns that it reads
   * @throws {STEP_INVALID} {STEP_FAILED}, errors of `rows`, and the signal's reason once it aborts
   */
  combine(rows: Batches, signal: AbortSignal): Promise<Table>;
  /**
   * Returns the result.
   *
   * @param partials combined tables of all shards, in plan order
   * @throws as `combine`
   */
  final(partials: Batches, signal: AbortSignal): Promise<Table>;
}
