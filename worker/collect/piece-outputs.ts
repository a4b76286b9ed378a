import { Field as ArrowField, type Data, Schema } from "apache-arrow";
import { gather, type Stretch } from "../../shared/dataset/gather.ts";
import { plainField } from "../../shared/dataset/plain-type.ts";
import { quickSchema, recordBatchOf } from "../../shared/dataset/record-batch.ts";
import type { MapBinding } from "../../shared/domain/map-binding.ts";
import type { DeadLetterCode } from "../../shared/domain/partial.ts";
import type { RowFailure, StepResult } from "../../shared/steps/step.ts";
import type { BatchOutcome } from "../batch/batch-runner.ts";
import type { InputChunk, RowRange } from "../tensorize/input-chunk.ts";
import type { MadeColumn } from "./output-column.ts";
import { createOutputWriter, type OutputWriter } from "./output-writer.ts";
import { writeOutcome } from "./write-outcome.ts";

/** Collects a model's outputs for the rows of one chunk, as the result of a step. */
export class PieceOutputs {
  readonly #map: MapBinding;
  readonly #chunk: InputChunk;
  readonly #writers: readonly OutputWriter[];

  constructor(map: MapBinding, chunk: InputChunk) {
    this.#map = map;
    this.#chunk = chunk;
    this.#writers = map.outputs.map((binding) => createOutputWriter(binding, chunk.rows));
    for (const writer of this.#writers) writer.open(chunk, chunk.place);
  }

  /** @throws {MODEL_SHAPE} when a tensor's shape differs from the plan */
  collect(outcomes: readonly BatchOutcome[]): void {
    for (const outcome of outcomes) writeOutcome(outcome, this.#map, this.#writers);
  }

  /** Returns a row for each row of the chunk. A failed row has nulls. Call it after all outcomes. */
  finish(): StepResult {
    const chunk = this.#chunk;
    const columns = this.#writers.flatMap((writer) => writer.columns);
    const live = chunk.runs("live");
    const failed = chunk.deadLetters().map(([row, { stage, code, message }]): RowFailure => {
      return { row, stage, code: code as DeadLetterCode, message };
    });
    const made = columns.map((column) => filled(column, live, chunk.rows));
    const fields = columns.map(({ field }) => (failed.length === 0 ? field : nullable(field)));
    return { made: recordBatchOf(quickSchema(new Schema(fields)), chunk.rows, made), sources: null, failed };
  }
}

/** Returns the data of a column for `rows` rows, with nulls outside of `live`. */
function filled(column: MadeColumn, live: readonly RowRange[], rows: number): Data {
  const data = live.length === 0 ? gather(column.field.type, []) : column.take(live);
  if (data.length === rows) return data;
  const stretches: Stretch[] = [];
  let [row, taken] = [0, 0];
  for (const { start, end } of [...live, { start: rows, end: rows }]) {
    for (; row < start; row += 1) stretches.push(NULL);
    if (end > start) stretches.push({ data, start: taken, end: taken + end - start });
    taken += end - start;
    row = end;
  }
  return gather(data.type, stretches);
}

const NULL: Stretch = { data: null, start: 0, end: 1 };

function nullable(field: ArrowField): ArrowField {
  const { name, type, metadata } = plainField(field);
  return new ArrowField(name, type, true, metadata);
}
