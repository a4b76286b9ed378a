import { ShardmillError } from "../../shared/core/errors.ts";
import type { OutputBinding } from "../../shared/domain/map-binding.ts";
import { dueDims, type RanShape, shapeHint, tensorText } from "../../shared/domain/model-output.ts";
import type { TensorData } from "../../shared/domain/tensor.ts";

const FOLLOWS =
  "rename the output's dimension in the export, because an input's dimension has the same name, or omit the output";

type Outputs = Readonly<Record<string, TensorData>>;

/** Returns why an output's dtype or shape differs from the plan. Null: it matches. */
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
 * Finds an output that has all rows of the batch, but a wrong shape in each row. Single rows may be at fault,
 * such as a row whose own output is longer than the others'. Null: there is none.
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
