import { ShardmillError } from "../../shared/core/errors.ts";
import type { OutputBinding } from "../../shared/domain/map-binding.ts";
import { type TensorData, withBatchAt } from "../../shared/domain/tensor.ts";

type Outputs = Readonly<Record<string, TensorData>>;

/** Rows of a batch as the model ran it, and the positions that they were padded to, by sequence. */
export interface RanShape {
  readonly rows: number;
  readonly lengths: readonly number[] | null;
}

/** Why the model's output is not of the dtype and shape that the plan was bound to; null where it is. */
export function outputMisfit(
  outputs: Outputs,
  binding: OutputBinding,
  { rows, lengths }: RanShape,
): ShardmillError | null {
  const tensor = outputs[binding.tensor];
  const { sequence } = binding;
  const rowDims = [...(sequence === null ? [] : [lengths?.[sequence] ?? 0]), ...binding.rowDims];
  const expected = shapeOf(binding.dtype, withBatchAt(rowDims, rows, binding.batchAxis));
  const found = tensor === undefined ? "nothing" : shapeOf(tensor.dtype, tensor.dims);
  if (found === expected) return null;
  const declared = shapeOf(
    binding.dtype,
    binding.declaredDims.map((dim) => (dim === "" ? "?" : dim)),
  );
  return new ShardmillError(
    "MODEL_FAILED",
    `output ${binding.tensor}: the model declares ${declared}, a batch of ${rows} rows should give ${expected} and gave ${found}`,
    {
      fields: { tensor: binding.tensor, declared, expected, found },
      hint: "say what it gives: `shape` is a row of it, `batchAxis` the dimension that is the batch",
    },
  );
}

/**
 * An output that has all rows of the batch, and in each of them something else than was due: some of these
 * rows may be at fault, whose own answer is longer than that of the others. Null where there is none.
 */
export function rowMisfit(
  outputs: Outputs,
  bindings: readonly OutputBinding[],
  ran: RanShape,
): ShardmillError | null {
  for (const binding of bindings) {
    const tensor = outputs[binding.tensor];
    if (tensor?.dtype !== binding.dtype || tensor.dims[binding.batchAxis] !== ran.rows) continue;
    const misfit = outputMisfit(outputs, binding, ran);
    if (misfit !== null) return misfit;
  }
  return null;
}

function shapeOf(dtype: string, dims: readonly (number | string)[]): string {
  return `${dtype}[${dims.join(", ")}]`;
}
