import { present } from "../../shared/core/assert.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import type { OutputBinding } from "../../shared/domain/map-plan.ts";
import { outputFields } from "../../shared/domain/output-fields.ts";
import { type TensorData, withBatchAt } from "../../shared/domain/tensor.ts";
import { rowsFirst } from "../tensorize/batch-axis.ts";
import type { InputChunk } from "../tensorize/input-chunk.ts";
import {
  columnValues,
  copyElements,
  type MadeColumn,
  OutputColumn,
  type Placement,
} from "./output-column.ts";
import {
  argmaxOf,
  maxSoftmaxOf,
  numbersOf,
  type Scores,
  sigmoidOf,
  softmaxInto,
  topKInto,
} from "./scores.ts";
import { StepsColumn } from "./steps-column.ts";

/** Makes the columns of one output binding out of tensors. */
export interface OutputWriter {
  readonly columns: readonly MadeColumn[];
  /** Rows of the shard from `place` on are to come. Chunks are opened in order. */
  open(chunk: InputChunk, place: number): void;
  write(tensor: TensorData, placements: readonly Placement[]): void;
}

/** @param capacityRows the shard's rows: no more are written */
export function createOutputWriter(binding: OutputBinding, capacityRows: number): OutputWriter {
  const fields = outputFields({ keep: [], outputs: [binding] });
  const field = present(fields[0], "an output makes a column");
  const second = fields[1];
  switch (binding.op) {
    case "raw":
      if (binding.uneven) return stepsWriter(binding, field);
      return rawWriter(binding, field, capacityRows);
    case "argmax":
      return argmaxWriter(binding, field, capacityRows);
    case "topK":
      return topKWriter(binding, [field, present(second, "topK makes two columns")], capacityRows);
    case "maxSoftmax":
      return floatWriter(binding, field, { capacityRows, width: 1 }, (scores, row, target, at) => {
        target[at] = maxSoftmaxOf(scores, row);
      });
    case "softmax":
      return floatWriter(binding, field, { capacityRows, width: binding.rowValues }, softmaxInto);
    case "sigmoid":
      return floatWriter(binding, field, { capacityRows, width: binding.rowValues }, sigmoidInto);
  }
}

/**
 * The tensor that `binding` takes, its batch first, once its shape has been found right.
 *
 * @throws {MODEL_FAILED} when the model's output is missing, or not of the dtype and shape that the plan was
 * bound to
 */
export function checkTensor(
  outputs: Readonly<Record<string, TensorData>>,
  binding: OutputBinding,
  { rows, length }: { readonly rows: number; readonly length: number | null },
): TensorData {
  const tensor = outputs[binding.tensor];
  const rowDims = [...(binding.uneven ? [length ?? 0] : []), ...binding.rowDims];
  const expected = shapeOf(binding.dtype, withBatchAt(rowDims, rows, binding.batchAxis));
  const found = tensor === undefined ? "nothing" : shapeOf(tensor.dtype, tensor.dims);
  if (tensor !== undefined && found === expected) return rowsFirst(tensor, binding.batchAxis);
  const declared = shapeOf(
    binding.dtype,
    binding.declaredDims.map((dim) => (dim === "" ? "?" : dim)),
  );
  throw new ShardmillError(
    "MODEL_FAILED",
    `output ${binding.tensor}: the model declares ${declared}, a batch of ${rows} rows should give ${expected} and gave ${found}`,
    {
      fields: { tensor: binding.tensor, declared, expected, found },
      hint: "say what it gives: `shape` is a row of it, `batchAxis` the dimension that is the batch",
    },
  );
}

function shapeOf(dtype: string, dims: readonly (number | string)[]): string {
  return `${dtype}[${dims.join(", ")}]`;
}

function rawWriter(binding: OutputBinding, field: Field, capacityRows: number): OutputWriter {
  const width = binding.rowValues;
  const column = new OutputColumn(field, columnValues(binding.dtype, capacityRows * width), width);
  return {
    columns: [column],
    open: () => {},
    write: (tensor, placements) => {
      for (const { tensorRow, rows, place } of placements) {
        copyElements(tensor.data, tensorRow * width, rows * width, column.values, place * width);
      }
    },
  };
}

function stepsWriter(binding: OutputBinding, field: Field): OutputWriter {
  const column = new StepsColumn(field, binding);
  return {
    columns: [column],
    open: (chunk, place) => column.open(chunk, place),
    write: (tensor, placements) => column.write(tensor, placements),
  };
}

function argmaxWriter(binding: OutputBinding, field: Field, capacityRows: number): OutputWriter {
  const column = new OutputColumn(field, new Int32Array(capacityRows), 1, binding.labels);
  return rowWriter(binding, [column], (scores, row, at) => {
    column.values[at] = argmaxOf(scores, row);
  });
}

function topKWriter(
  binding: OutputBinding,
  fields: readonly [Field, Field],
  capacityRows: number,
): OutputWriter {
  const k = present(binding.k, "topK has a k");
  const values = new OutputColumn(fields[0], new Float32Array(capacityRows * k), k);
  const indices = new OutputColumn(fields[1], new Int32Array(capacityRows * k), k, binding.labels);
  return rowWriter(binding, [values, indices], (scores, row, at) => {
    const best = indices.values.subarray(at * k, (at + 1) * k);
    topKInto(scores, row, best);
    best.forEach((index, place) => {
      values.values[at * k + place] = scores.values[row * scores.width + index] ?? 0;
    });
  });
}

function floatWriter(
  binding: OutputBinding,
  field: Field,
  { capacityRows, width }: { readonly capacityRows: number; readonly width: number },
  write: (scores: Scores, row: number, target: Float32Array, at: number) => void,
): OutputWriter {
  const column = new OutputColumn(field, new Float32Array(capacityRows * width), width);
  return rowWriter(binding, [column], (scores, row, at) => write(scores, row, column.values, at * width));
}

/**
 * A writer that makes something of one row after the other: of row `row` of the scores, at row `at` of the
 * columns.
 */
function rowWriter(
  binding: OutputBinding,
  columns: readonly MadeColumn[],
  write: (scores: Scores, row: number, at: number) => void,
): OutputWriter {
  return {
    columns,
    open: () => {},
    write: (tensor, placements) => {
      const scores = { values: numbersOf(tensor), width: binding.rowValues };
      for (const { tensorRow, rows, place } of placements) {
        for (let row = 0; row < rows; row += 1) write(scores, tensorRow + row, place + row);
      }
    },
  };
}

function sigmoidInto({ values, width }: Scores, row: number, target: Float32Array, at: number): void {
  for (let index = 0; index < width; index += 1) {
    target[at + index] = sigmoidOf(values[row * width + index] ?? 0);
  }
}
