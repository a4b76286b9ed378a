import { present } from "../../shared/core/assert.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import type { OutputBinding } from "../../shared/domain/map-plan.ts";
import { outputFields } from "../../shared/domain/output-fields.ts";
import type { TensorData } from "../../shared/domain/tensor.ts";
import { columnValues, OutputColumn } from "./output-column.ts";
import {
  argmaxOf,
  maxSoftmaxOf,
  numbersOf,
  type Scores,
  sigmoidOf,
  softmaxInto,
  topKInto,
} from "./scores.ts";

/** Makes the columns of one output binding out of tensors. */
export interface OutputWriter {
  readonly columns: readonly OutputColumn[];
  /** Writes the first `rows` rows of `tensor` to the columns, from their row `at` on. */
  write(tensor: TensorData, rows: number, at: number): void;
}

/** @param capacityRows the shard's rows: no more are written */
export function createOutputWriter(binding: OutputBinding, capacityRows: number): OutputWriter {
  const fields = outputFields({ keep: [], outputs: [binding] });
  const field = present(fields[0], "an output makes a column");
  const second = fields[1];
  switch (binding.op) {
    case "raw":
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
 * The tensor that `binding` takes, once its shape has been found right.
 *
 * @throws {MODEL_FAILED} when the model's output is missing, or not of the dtype and shape that the plan was bound to
 */
export function checkTensor(
  outputs: Readonly<Record<string, TensorData>>,
  binding: OutputBinding,
  batchRows: number,
): TensorData {
  const tensor = outputs[binding.tensor];
  const expected = `${binding.dtype}[${[batchRows, ...binding.rowDims].join(", ")}]`;
  const found = tensor === undefined ? "nothing" : `${tensor.dtype}[${tensor.dims.join(", ")}]`;
  if (tensor !== undefined && found === expected) return tensor;
  throw new ShardmillError("MODEL_FAILED", `output ${binding.tensor}: expected ${expected}, found ${found}`, {
    fields: { tensor: binding.tensor, expected, found },
  });
}

function rawWriter(binding: OutputBinding, field: Field, capacityRows: number): OutputWriter {
  const width = binding.rowValues;
  const column = new OutputColumn(field, columnValues(binding.dtype, capacityRows * width), width);
  return {
    columns: [column],
    write: (tensor, rows, at) => copyElements(tensor, rows * width, column, at * width),
  };
}

/** Both arrays are of the binding's dtype; as bytes they are copied whatever it is. */
function copyElements(tensor: TensorData, count: number, { values }: OutputColumn, at: number): void {
  const width = values.BYTES_PER_ELEMENT;
  const target = new Uint8Array(values.buffer, values.byteOffset + at * width, count * width);
  target.set(new Uint8Array(tensor.data, 0, count * width));
}

function argmaxWriter(binding: OutputBinding, field: Field, capacityRows: number): OutputWriter {
  const column = new OutputColumn(field, new Int32Array(capacityRows), 1, binding.labels);
  return {
    columns: [column],
    write: (tensor, rows, at) => {
      const scores = scoresOf(tensor, binding);
      for (let row = 0; row < rows; row += 1) column.values[at + row] = argmaxOf(scores, row);
    },
  };
}

function topKWriter(
  binding: OutputBinding,
  fields: readonly [Field, Field],
  capacityRows: number,
): OutputWriter {
  const k = present(binding.k, "topK has a k");
  const values = new OutputColumn(fields[0], new Float32Array(capacityRows * k), k);
  const indices = new OutputColumn(fields[1], new Int32Array(capacityRows * k), k, binding.labels);
  return {
    columns: [values, indices],
    write: (tensor, rows, at) => {
      const scores = scoresOf(tensor, binding);
      for (let row = 0; row < rows; row += 1) {
        const first = (at + row) * k;
        const best = indices.values.subarray(first, first + k);
        topKInto(scores, row, best);
        best.forEach((index, place) => {
          values.values[first + place] = scores.values[row * scores.width + index] ?? 0;
        });
      }
    },
  };
}

function floatWriter(
  binding: OutputBinding,
  field: Field,
  { capacityRows, width }: { readonly capacityRows: number; readonly width: number },
  write: (scores: Scores, row: number, target: Float32Array, at: number) => void,
): OutputWriter {
  const column = new OutputColumn(field, new Float32Array(capacityRows * width), width);
  return {
    columns: [column],
    write: (tensor, rows, at) => {
      const scores = scoresOf(tensor, binding);
      for (let row = 0; row < rows; row += 1) write(scores, row, column.values, (at + row) * width);
    },
  };
}

function sigmoidInto({ values, width }: Scores, row: number, target: Float32Array, at: number): void {
  for (let index = 0; index < width; index += 1) {
    target[at + index] = sigmoidOf(values[row * width + index] ?? 0);
  }
}

function scoresOf(tensor: TensorData, binding: OutputBinding): Scores {
  return { values: numbersOf(tensor), width: binding.rowValues };
}
