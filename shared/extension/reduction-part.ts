import type { RecordBatch, Table } from "apache-arrow";
import type { Field } from "../domain/dataset.ts";
import type { ReductionBinding } from "../domain/reduction-binding.ts";
import type { ProgramPart } from "./program.ts";

/**
 * Reduction by a program of the user, which a key of `reduce` names: `module`. Workers combine the rows of
 * each shard, and the coordinator makes the result of all combined tables. It passes
 * `test/contract/reduction-contract.ts`.
 */
export interface ReductionPart {
  /** Key whose value is the user's file. It excludes SQL. */
  readonly key: string;
  /** Description of the key in the docs of the job file. */
  readonly says: string;
  /** Phrase of the docs for how such a reduction is written: `in your own code`. */
  readonly written: string;
  readonly program: ProgramPart;
  /** Loads what plans the reduction, on the coordinator. */
  loadPlanner(): Promise<ReductionPlanner>;
  /** Opens the reduction. Its program is started by the first use. The caller disposes it. */
  open(binding: ReductionSource): Promise<Reduction>;
}

/** Program of a reduction, where it runs. */
export type ReductionSource = Pick<ReductionBinding, "where" | "file">;

/**
 * Binds a program to the mapped rows, without giving it any.
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
 * Both halves of a reduction. Law: the same rows in the same record batches give the same table. One call
 * runs at a time. After a call that failed or was aborted, the next one begins anew.
 */
export interface Reduction extends AsyncDisposable {
  /**
   * Combines the rows of a shard.
   *
   * @param rows the columns that it reads
   * @throws {STEP_INVALID} {STEP_FAILED}, what `rows` throws, and the signal's reason once it aborts
   */
  combine(rows: Batches, signal: AbortSignal): Promise<Table>;
  /**
   * Makes the result.
   *
   * @param partials combined tables of all shards, in plan order
   * @throws as `combine`
   */
  final(partials: Batches, signal: AbortSignal): Promise<Table>;
}
