import { type RecordBatch, Schema } from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import { columnData, recordBatchOf } from "../../shared/dataset/record-batch.ts";
import { madeColumns, type StepBinding } from "../../shared/domain/step-binding.ts";
import type { OpenStepOptions, RowFailure, Step, StepResult } from "../../shared/steps/step.ts";
import { arrowFieldOf, columnOf } from "../../shared/values/write-values.ts";
import { madeTypes, type NearestOp } from "./op.ts";
import { NULL_VECTOR, readVectors } from "./read-vectors.ts";
import { Search } from "./search.ts";

/** Opens the step on a worker. */
export async function openNearestStep(
  binding: StepBinding,
  op: NearestOp,
  { paths: [path] }: Pick<OpenStepOptions, "paths">,
): Promise<Step> {
  const { column, dims, metric, as } = op;
  const search = await Search.open(present(path, "the packed set"), op);
  const names = new Set(madeColumns(binding).map(({ name }) => name));
  const types = madeTypes(op).filter(({ name }) => names.has(name));
  const schema = new Schema(types.map(arrowFieldOf));
  return {
    async run(batch: RecordBatch, signal: AbortSignal): Promise<StepResult> {
      signal.throwIfAborted();
      const { values, faults } = readVectors(columnData(batch, column), dims, metric);
      const failed = faults.flatMap((fault, row): RowFailure[] => {
        if (fault === null) return [];
        // The neighbours of such a row are ignored.
        values.fill(0, row * dims, (row + 1) * dims);
        const code = fault === NULL_VECTOR ? "ROW_NULL" : "ROW_VALUE";
        return [{ row, code, message: `the vector in column \`${column}\` ${fault}` }];
      });
      const found = await search.find(values, signal);
      const columns = types.map(({ name, type }) =>
        columnOf(
          found.map((row) => row.map(({ id, score }) => (name === as ? id : score))),
          type,
        ),
      );
      return { made: recordBatchOf(schema, batch.numRows, columns), sources: null, failed };
    },
    [Symbol.asyncDispose]: () => search[Symbol.asyncDispose](),
  };
}
