import { mapConcurrent } from "../../../shared/core/map-concurrent.ts";
import { columnData } from "../../../shared/dataset/record-batch.ts";
import { NullFault, valueReader } from "../../../shared/values/read-values.ts";
import { columnOf } from "../../../shared/values/write-values.ts";
import { callStep, isPromise, thrownMessage } from "./call-step.ts";
import { checkMadeRow, show, ValueFault } from "./check-value.ts";
import type { FailedRow, RowsMade, RowsTask } from "./run-task.ts";

/** Rows that were made of one row, each as values by column, or the row's failure. */
type RowOutcome = readonly (readonly unknown[])[] | FailedRow;

/** Calls a step with each row of a record batch, concurrently where the step waits. */
export async function runRows(task: RowsTask): Promise<RowsMade> {
  const { batch, concurrency, step } = task;
  const lost = new Map(task.lost.map((failed) => [failed.row, failed]));
  const rows = Array.from({ length: batch.numRows }, (_, row) => row);
  const outcomeOf = rowRunner(task);
  const outcomes = await mapConcurrent(rows, concurrency, async (row) => {
    const outcome = lost.get(row) ?? outcomeOf(row);
    return isPromise(outcome) ? await outcome : outcome;
  });
  // A failed row's placeholder.
  const none = step.declaration.columns.map(() => null);
  const made: (readonly unknown[])[] = [];
  const sources: number[] = [];
  const failed: FailedRow[] = [];
  for (const [row, outcome] of outcomes.entries()) {
    if ("code" in outcome) failed.push(outcome);
    for (const values of "code" in outcome ? [none] : outcome) {
      made.push(values);
      sources.push(row);
    }
  }
  const columns = step.declaration.columns.map(({ type }, column) =>
    columnOf(
      made.map((values) => values[column]),
      type,
    ),
  );
  return { columns, sources, failed };
}

function rowRunner({ step, batch, state, where, onCall }: RowsTask) {
  const { reads, columns, timeoutSeconds } = step.declaration;
  const readers = reads.map((column) => ({
    name: column.name,
    read: valueReader(columnData(batch, column.name), column),
  }));
  const options = { where, state, limitMs: timeoutSeconds * 1000 };
  return (row: number): RowOutcome | Promise<RowOutcome> => {
    const failure = (error: unknown) => failedRow(row, where, error);
    const checked = (result: unknown) => checkRows(result, columns);
    try {
      const given = Object.fromEntries(readers.map(({ name, read }) => [name, read(row)]));
      onCall(row);
      const result = callStep(step.run, given, options);
      return isPromise(result) ? Promise.resolve(result).then(checked).catch(failure) : checked(result);
    } catch (error) {
      return failure(error);
    }
  };
}

function checkRows(result: unknown, columns: RowsTask["step"]["declaration"]["columns"]) {
  if (result === null) return [];
  if (result === undefined)
    throw new ValueFault(`\`row\` returned ${show(result)}: return null to drop a row, {} to keep it`);
  return (Array.isArray(result) ? Array.from(result) : [result]).map((made) => checkMadeRow(made, columns));
}

export function failedRow(row: number, where: string, error: unknown): FailedRow {
  if (error instanceof NullFault) {
    const hint = "a type that ends in ? allows nulls";
    return { row, code: "ROW_NULL", message: `${where}: ${error.message}; ${hint}` };
  }
  if (error instanceof ValueFault) return { row, code: "ROW_VALUE", message: `${where}: ${error.message}` };
  return { row, code: "ROW_FAILED", message: thrownMessage(where, error) };
}
