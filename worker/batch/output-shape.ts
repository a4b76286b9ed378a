import { ShardmillError } from "../../shared/core/errors.ts";
import type { OutputBinding } from "../../shared/domain/map-binding.ts";
import { areDue, dueDims, type RanShape, shapeHint, tensorText } from "../../shared/domain/model-output.ts";
import { lengthsIn } from "../../shared/domain/open-dims.ts";
import { MAX_ROW_VALUES, product, type TensorData } from "../../shared/domain/tensor.ts";

const FOLLOWS =
  "rename the output's dimension in the export, because an input's dimension has the same name, or omit the output";

type Outputs = Readonly<Record<string, TensorData>>;

/** Returns why an output's dtype or shape differs from the plan. Null: it matches. */
export function outputMisfit(outputs: Outputs, binding: OutputBinding, ran: RanShape): ShardmillError | null {
  const { tensor: name, dtype, declaredDims } = binding;
  const tensor = outputs[name];
  const due = dueDims(binding, ran);
  if (tensor?.dtype === dtype && areDue(tensor.dims, due)) return null;
  const expected = tensorText(dtype, due);
  const found = tensor === undefined ? "nothing" : tensorText(tensor.dtype, tensor.dims);
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
    const { batchAxis } = binding;
    const rows = batchAxis === null ? 1 : tensor?.dims[batchAxis];
    if (tensor?.dtype !== binding.dtype || rows !== ran.rows) continue;
    const misfit = outputMisfit(outputs, binding, ran) ?? listMisfit(outputs, binding, ran);
    if (misfit !== null) return misfit;
  }
  return null;
}

/** Returns why the rows of an output cannot be lists. Null: they can. */
function listMisfit(
  outputs: Outputs,
  { tensor: name, open, batchAxis }: OutputBinding,
  { rows }: RanShape,
): ShardmillError | null {
  const tensor = outputs[name];
  if (open === undefined || tensor === undefined) return null;
  const values = product(tensor.dims) / rows;
  if (values > MAX_ROW_VALUES) {
    const expected = `at most ${MAX_ROW_VALUES}`;
    return new ShardmillError("MODEL_SHAPE", `output ${name}: a row has ${values} values, ${expected} fit`, {
      fields: { tensor: name, expected, found: String(values) },
    });
  }
  const counts = open.lengths === null ? undefined : outputs[open.lengths];
  if (open.lengths === null) return null;
  const most = tensor.dims[batchAxis === 0 ? 1 : 0] ?? 0;
  const lengths = counts === undefined ? [] : lengthsIn(counts);
  const wrong = lengths.find((length) => length < 0 || length > most);
  if (wrong === undefined && lengths.length === rows) return null;
  const expected = `${rows} lengths of 0 to ${most}`;
  const found = wrong === undefined ? `${lengths.length} lengths` : String(wrong);
  return new ShardmillError(
    "MODEL_SHAPE",
    `output ${open.lengths}: the length of ${name} should be ${expected} and is ${found}`,
    { fields: { tensor: open.lengths, expected, found } },
  );
}
