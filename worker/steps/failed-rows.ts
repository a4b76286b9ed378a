import { Field as ArrowField, type RecordBatch, Schema } from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import { gather, type Stretch } from "../../shared/dataset/gather.ts";
import { plainField } from "../../shared/dataset/plain-type.ts";
import { recordBatchOf } from "../../shared/dataset/record-batch.ts";
import type { SteppedRows } from "../../shared/steps/apply-step.ts";
import { mapNoted } from "../../shared/steps/noted-rows.ts";
import type { RowFailure } from "../../shared/steps/step.ts";

/** Row that a step failed on, with its source row in front of the chain. */
interface FailedSource extends Omit<RowFailure, "row"> {
  readonly source: number;
}

/**
 * Runs a step over the rows that have not failed. Failed rows stay failed rows in the result, with nulls.
 *
 * @param rows rows behind earlier steps
 */
export async function stepRows(
  rows: SteppedRows,
  run: (batch: RecordBatch) => Promise<SteppedRows>,
): Promise<SteppedRows> {
  const early = failedSources(rows);
  const live = early.length === 0 ? rows : withoutFailed(rows);
  const next = await run(live.batch);
  const noted = mapNoted(next.noted, (found, name) =>
    together(
      rows.noted[name],
      found.map((row) => sourceOf(live, row)),
    ),
  );
  const made = { ...next, sources: composed(live.sources, next.sources), noted };
  return early.length === 0 ? made : withFailed(made, early);
}

/** Merges two lists of numbers, without duplicates, in order. */
function together(some: readonly number[], others: readonly number[]): readonly number[] {
  if (others.length === 0) return some;
  return [...new Set([...some, ...others])].sort((a, b) => a - b);
}

/** Composes the sources of two consecutive steps: rows behind the second from rows in front of the first. */
function composed(first: Uint32Array | null, second: Uint32Array | null): Uint32Array | null {
  if (first === null || second === null) return first ?? second;
  return second.map((row) => present(first[row], "a step's rows come from rows in front of it"));
}

/** Returns the row in front of the steps that a row behind them came from. */
function sourceOf({ sources }: Pick<SteppedRows, "sources">, row: number): number {
  return sources === null ? row : present(sources[row], "every row came from one");
}

/** Returns the failed source rows. Of several failed parts of a row, the first counts. */
function failedSources(rows: SteppedRows): readonly FailedSource[] {
  const found = new Map<number, FailedSource>();
  for (const { row, ...failure } of rows.failed) {
    const source = sourceOf(rows, row);
    if (!found.has(source)) found.set(source, { source, ...failure });
  }
  return [...found.values()];
}

/** Removes all parts of rows with a failed part. */
function withoutFailed(rows: SteppedRows): SteppedRows {
  const failedSet = new Set(rows.failed.map(({ row }) => sourceOf(rows, row)));
  const kept = Array.from({ length: rows.batch.numRows }, (_, row) => row).filter(
    (row) => !failedSet.has(sourceOf(rows, row)),
  );
  return {
    batch: gathered(rows.batch, kept),
    sources: Uint32Array.from(kept, (row) => sourceOf(rows, row)),
    failed: [],
    noted: rows.noted,
  };
}

/** Adds the rows that failed in earlier steps, in order of their sources. */
function withFailed(rows: SteppedRows, early: readonly FailedSource[]): SteppedRows {
  const late = new Map(rows.failed.map((failure) => [failure.row, failure]));
  const waiting = [...early].sort((a, b) => a.source - b.source);
  const order: (number | null)[] = [];
  const sources: number[] = [];
  const failed: RowFailure[] = [];
  const place = (row: number | null, source: number, failure: Omit<RowFailure, "row"> | undefined) => {
    if (failure !== undefined) {
      const { stage, code, message } = failure;
      failed.push({ row: order.length, code, message, ...(stage === undefined ? {} : { stage }) });
    }
    order.push(row);
    sources.push(source);
  };
  const placeBefore = (source: number) => {
    for (let next = waiting[0]; next !== undefined && next.source < source; next = waiting[0]) {
      place(null, next.source, next);
      waiting.shift();
    }
  };
  for (let row = 0; row < rows.batch.numRows; row += 1) {
    const source = sourceOf(rows, row);
    placeBefore(source);
    place(row, source, late.get(row));
  }
  placeBefore(Number.POSITIVE_INFINITY);
  const { noted } = rows;
  return { batch: gathered(rows.batch, order), sources: Uint32Array.from(sources), failed, noted };
}

/** Returns the rows of a batch at these places. A null place becomes a null row. */
function gathered(batch: RecordBatch, order: readonly (number | null)[]): RecordBatch {
  const fields = batch.schema.fields.map((field) => {
    const { name, type, metadata } = plainField(field);
    return new ArrowField(name, type, true, metadata);
  });
  const children = batch.data.children.map((data) =>
    gather(
      data.type,
      order.map((row): Stretch => (row === null ? NULL : { data, start: row, end: row + 1 })),
    ),
  );
  return recordBatchOf(new Schema(fields, batch.schema.metadata), order.length, children);
}

const NULL: Stretch = { data: null, start: 0, end: 1 };
