import { type Data, type RecordBatch, Schema } from "apache-arrow";
import { gather } from "../../../shared/dataset/gather.ts";
import { plainCopy } from "../../../shared/dataset/plain-batch.ts";
import { recordBatchOf } from "../../../shared/dataset/record-batch.ts";
import type { NamedType } from "../../../shared/values/value-type.ts";
import { arrowFieldOf } from "../../../shared/values/write-values.ts";
import { callStep } from "./call-step.ts";
import { arrayOf, show, ValueFault } from "./check-value.ts";
import { checkColumn, checkNames, valuesOf } from "./made-columns.ts";
import { failedRow } from "./run-rows.ts";
import type { FailedRow, RowsMade, RowsTask } from "./run-task.ts";

/** Result of one call of the step. */
interface Piece {
  /** Data by column. */
  readonly columns: readonly Data[];
  /** Valid rows of `columns`, each with its source row in the whole batch. */
  readonly taken: readonly { readonly at: number; readonly source: number }[];
}

/** Location of a made row. A failed row has no columns. */
interface MadeAt {
  readonly columns: readonly Data[];
  readonly at: number;
  readonly source: number;
}

/** Calls a step with a record batch. When the step throws, calls it with each half, down to single rows. */
export async function runBatch(task: RowsTask): Promise<RowsMade> {
  const { batch, step } = task;
  const failed: FailedRow[] = [...task.lost];
  const lost = new Set(failed.map(({ row }) => row));
  const rows = Array.from({ length: batch.numRows }, (_, row) => row).filter((row) => !lost.has(row));
  const pieces: Piece[] = [];
  const run = async (part: readonly number[]): Promise<void> => {
    try {
      pieces.push(await callOnce(task, part, failed));
    } catch (error) {
      // Both halves would give a result of the wrong shape, too.
      if (error instanceof ValueFault || part.length === 1)
        failed.push(...part.map((row) => failedRow(row, task.where, error)));
      else {
        await run(part.slice(0, part.length / 2));
        await run(part.slice(part.length / 2));
      }
    }
  };
  if (rows.length > 0) await run(rows);
  failed.sort((a, b) => a.row - b.row);
  const places: MadeAt[] = [
    ...pieces.flatMap(({ columns, taken }) => taken.map((row) => ({ columns, ...row }))),
    ...failed.map(({ row }) => ({ columns: [], at: 0, source: row })),
  ];
  // Stable: several rows made of one row keep their order.
  places.sort((a, b) => a.source - b.source);
  const columns = step.declaration.columns.map((column, index) =>
    gather(
      arrowFieldOf(column).type,
      places.map(({ columns: made, at }) => ({ data: made[index] ?? null, start: at, end: at + 1 })),
    ),
  );
  return { columns, sources: places.map(({ source }) => source), failed };
}

async function callOnce(task: RowsTask, rows: readonly number[], failed: FailedRow[]): Promise<Piece> {
  const { step, state, where, onCall } = task;
  const { columns: declared, timeoutSeconds } = step.declaration;
  onCall(rows.length === 1 ? (rows[0] ?? null) : null);
  const options = { where, state, limitMs: timeoutSeconds * 1000 };
  const result: unknown = await callStep(step.run, rowsOf(task.batch, rows), options);
  const { columns, sources, refused } = checkResult(result, rows.length, declared);
  const bad = new Map<number, string>(refused);
  const data = declared.map((column) => {
    return checkColumn(valuesOf(columns, column.name), column, sources, bad);
  });
  for (const [at, reason] of bad) {
    const isOwn = refused.has(at);
    const code = isOwn ? "ROW_FAILED" : "ROW_VALUE";
    failed.push({ row: rows[at] ?? 0, code, message: `${where}: ${reason}` });
  }
  // If one part of a row is invalid, all its parts are dropped.
  const taken = sources.flatMap((local, at) => (bad.has(local) ? [] : [{ at, source: rows[local] ?? 0 }]));
  return { columns: data, taken };
}

function rowsOf(batch: RecordBatch, rows: readonly number[]): RecordBatch {
  // A copy, because code may write to its input and then throw. The halves must have the original numbers.
  if (rows.length === batch.numRows) return plainCopy(batch);
  const stretches = (data: Data) => rows.map((row) => ({ data, start: row, end: row + 1 }));
  const children = batch.data.children.map((data) => gather(data.type, stretches(data)));
  return recordBatchOf(new Schema(batch.schema.fields), rows.length, children);
}

/** @throws {ValueFault} when the result has the wrong shape */
function checkResult(result: unknown, rows: number, declared: readonly NamedType[]) {
  if (typeof result !== "object" || result === null || !("columns" in result))
    throw new ValueFault(`\`batch\` returned ${show(result)}: expected { columns: ... }`);
  const refused = checkRefused(Reflect.get(result, "failed"), rows);
  const given = Reflect.get(result, "sources");
  const sources =
    given === undefined ? Array.from({ length: rows }, (_, row) => row) : checkSources(given, rows);
  const columns = Reflect.get(result, "columns");
  if (typeof columns !== "object" || columns === null)
    throw new ValueFault(
      `\`columns\`: expected an object with a value for each column, found ${show(columns)}`,
    );
  checkNames(columns, declared);
  return { columns: columns as object, sources, refused };
}

function checkRefused(failed: unknown, rows: number): ReadonlyMap<number, string> {
  const refused = new Map<number, string>();
  if (failed === undefined) return refused;
  if (!Array.isArray(failed)) throw new ValueFault(`\`failed\`: expected an array, found ${show(failed)}`);
  for (const { row, reason } of Array.from(failed, (item) => Object(item))) {
    if (!Number.isInteger(row) || row < 0 || row >= rows)
      throw new ValueFault(`\`failed\`: expected a row from 0 to ${rows - 1}, found ${show(row)}`);
    refused.set(row, String(reason));
  }
  return refused;
}

function checkSources(given: unknown, rows: number): readonly number[] {
  const sources = arrayOf(given)?.map(Number);
  if (sources === undefined)
    throw new ValueFault(`\`sources\`: expected an array of rows, found ${show(given)}`);
  let last = 0;
  for (const [at, row] of sources.entries()) {
    if (!Number.isInteger(row) || row < last || row >= rows)
      throw new ValueFault(
        `\`sources[${at}]\`: expected a row from ${last} to ${rows - 1}, in ascending order, found ${row}`,
      );
    last = row;
  }
  return sources;
}
