import { ShardmillError } from "../../shared/core/errors.ts";
import type { OutputBinding } from "../../shared/domain/map-binding.ts";
import { dueDims, type RanShape, shapeHint, tensorText } from "../../shared/domain/model-output.ts";
import type { TensorData } from "../../shared/domain/tensor.ts";

const FOLLOWS =
  "the model names its dimension as that of an input: name it otherwise in the export, or leave the output out";

type Outputs = Readonly<Record<string, TensorData>>;

/** Returns why an output is not of the dtype and shape that the plan was bound to; null where it is. */
export function outputMisfit(outputs: Outputs, binding: OutputBinding, ran: RanShape): ShardmillError | null {
  const { tensor: name, dtype, declaredDims } = binding;
  const tensor = outputs[name];
  const expected = tensorText(dtype, dueDims(binding, ran));
  const found = tensor === undefined ? "nothing" : tensorText(tensor.dtype, tensor.dims);
  if (found === expected) return null;
  const declared = tensorText(dtype, declaredDims);
  return new ShardmillError(
    "MODEL_SHAPE",
    `output ${name}: the model declares ${declared}, a batch of ${ran.rows} rows should give ${expected} and gave ${found}`,
    {
      fields: { tensor: name, declared, expected, found },
      hint: binding.sequence === null ? shapeHint(tensor?.dims ?? [], ran.rows) : FOLLOWS,
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
