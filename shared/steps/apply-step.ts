import { Field as ArrowField, type Data, type RecordBatch, Schema } from "apache-arrow";
import { assert, present } from "../core/assert.ts";
import { gather } from "../dataset/gather.ts";
import { plainField } from "../dataset/plain-type.ts";
import { columnData, quickSchema, recordBatchOf } from "../dataset/record-batch.ts";
import type { Shard } from "../domain/shard.ts";
import type { StepColumns } from "../domain/step-binding.ts";
import { NO_NOTED_ROWS, type NotedRows } from "./noted-rows.ts";
import type { RowFailure, Step, StepResult } from "./step.ts";

/** Rows after a step, and the source row of each: see {@link StepResult}. */
export interface SteppedRows {
  readonly batch: RecordBatch;
  readonly sources: Uint32Array | null;
  readonly failed: readonly RowFailure[];
  /** Input rows that the step noted. */
  readonly noted: NotedRows;
}

/**
 * Runs a step on a record batch. The step gets the columns that it reads. Its results and all other columns
 * are joined in the order of the binding. Other columns are copied only if rows were dropped or multiplied.
 *
 * @throws errors of the step
 */
export async function applyStep(
  step: Pick<Step, "run">,
  binding: StepColumns,
  batch: RecordBatch,
  signal: AbortSignal,
): Promise<SteppedRows> {
  const result = await step.run(selectColumns(batch, binding.reads), signal);
  checkResult(binding, result, batch.numRows);
  const { sources, failed = [] } = result;
  const noted = { ...NO_NOTED_ROWS, ...result.noted };
  return { batch: joinColumns(binding, batch, result), sources, failed, noted };
}

/** Returns a step for rows of one shard. Undefined: the rows are of none. */
export function ofShard(step: Pick<Step, "run" | "ofShard">, shard: Shard | undefined): Pick<Step, "run"> {
  return shard === undefined ? step : (step.ofShard?.(shard) ?? step);
}

function selectColumns(batch: RecordBatch, names: readonly string[]): RecordBatch {
  const fields = names.map((name) => fieldOf(batch.schema, name));
  return recordBatchOf(
    new Schema(fields),
    batch.numRows,
    names.map((name) => columnData(batch, name)),
  );
}

function joinColumns(binding: StepColumns, batch: RecordBatch, { made, sources }: StepResult): RecordBatch {
  const fields: ArrowField[] = [];
  const children: Data[] = [];
  for (const { name, from } of binding.columns) {
    const [source, column] = from === null ? [made, name] : [batch, from];
    const data = columnData(source, column);
    const field = fieldOf(source.schema, column);
    const moves = from !== null && sources !== null;
    const { type, nullable, metadata } = moves ? plainField(field) : field;
    fields.push(new ArrowField(name, type, nullable, metadata));
    children.push(moves ? gather(data.type, stretchesOf(data, sources)) : data);
  }
  return recordBatchOf(schemaOf(binding, batch.schema, fields), made.numRows, children);
}

const schemas = new WeakMap<StepColumns, Schema>();

/** Returns one schema for all batches of a step, as long as their types stay the same. */
function schemaOf(binding: StepColumns, { metadata }: Schema, fields: readonly ArrowField[]): Schema {
  const known = schemas.get(binding);
  const isSame =
    known !== undefined &&
    known.fields.length === fields.length &&
    known.fields.every((field, index) => field.type === fields[index]?.type);
  if (isSame) return known;
  const schema = quickSchema(new Schema([...fields], metadata));
  schemas.set(binding, schema);
  return schema;
}

function fieldOf({ fields }: Schema, name: string): ArrowField {
  return present(
    fields.find((field) => field.name === name),
    `a column ${name}`,
  );
}

/** Joins contiguous rows into ranges. */
function stretchesOf(data: Data, sources: Uint32Array) {
  const stretches: { data: Data; start: number; end: number }[] = [];
  let last: { data: Data; start: number; end: number } | null = null;
  for (const row of sources) {
    if (last !== null && last.end === row) last.end += 1;
    else {
      last = { data, start: row, end: row + 1 };
      stretches.push(last);
    }
  }
  return stretches;
}

/** Checks the contract of steps. A step that breaks it would silently lose or duplicate rows. */
function checkResult(
  { where, columns }: StepColumns,
  { made, sources, failed = [], noted = {} }: StepResult,
  rows: number,
): void {
  for (const { name, from } of columns)
    if (from === null) assert(fieldIn(made, name), `${where} makes the column ${name}`);
  let before = -1;
  for (const { row } of failed) {
    assert(before < row && row < made.numRows, `${where} names its failed rows in order`);
    before = row;
  }
  for (const [name, found] of Object.entries(noted)) {
    const isAscending = found.every((row, at) => (found[at - 1] ?? -1) < row && row < rows);
    assert(isAscending, `${where} names the ${name} in order`);
  }
  if (sources === null) {
    assert(made.numRows === rows, `${where} gives each of ${rows} rows once`);
    return;
  }
  assert(made.numRows === sources.length, `${where} says of each row where it came from`);
  let last = 0;
  for (const row of sources) {
    assert(last <= row && row < rows, `${where} gives its rows in order`);
    last = row;
  }
}

function fieldIn({ schema }: RecordBatch, name: string): boolean {
  return schema.fields.some((field) => field.name === name);
}
