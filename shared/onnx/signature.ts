import { ShardmillError } from "../core/errors.ts";
import { type Dim, DTYPES, type Dtype, type ModelSignature, type TensorInfo } from "../domain/tensor.ts";

/** What ONNX Runtime says of one input or output (`InferenceSession.inputMetadata`). */
export type ValueMetadata =
  | { readonly name: string; readonly isTensor: false }
  | {
      readonly name: string;
      readonly isTensor: true;
      readonly type: string;
      readonly shape: readonly (number | string)[];
    };

/**
 * The model's inputs and outputs as Shardmill sees them. Every input has to be fed, so each must be a tensor of a dtype
 * that can be made from columns. Outputs that cannot become a column (sequences, maps, strings) are left out: they are
 * not asked for, and a job that names one learns that there is no such tensor.
 *
 * @throws {MODEL_INVALID} naming every input that is not such a tensor
 */
export function signatureOf(
  inputs: readonly ValueMetadata[],
  outputs: readonly ValueMetadata[],
): ModelSignature {
  const refused = inputs.filter((input) => tensorInfo(input) === null);
  if (refused.length > 0) {
    const [first] = refused;
    throw new ShardmillError("MODEL_INVALID", `model input ${first?.name} cannot be fed from columns`, {
      fields: { tensor: first?.name ?? null },
      problems: refused.map((input) => ({
        where: input.name,
        what: "the model's input cannot be fed from columns",
        expected: `a tensor of ${DTYPES.join(", ")}`,
        found: input.isTensor ? `a tensor of ${input.type}` : "a sequence, map or optional value",
        hint: "move this step out of the model, or export the model without it",
      })),
    });
  }
  const known = (values: readonly ValueMetadata[]) => values.map(tensorInfo).filter((info) => info !== null);
  return { inputs: known(inputs), outputs: known(outputs) };
}

function tensorInfo(value: ValueMetadata): TensorInfo | null {
  if (!value.isTensor || !isDtype(value.type)) return null;
  return { name: value.name, dtype: value.type, dims: value.shape.map(namedDim) };
}

/** A dimension without a size or a name is still open: it gets a name, so that every dim says which it is. */
function namedDim(dim: number | string | undefined, index: number): Dim {
  return dim === undefined || dim === "" ? `dim${index}` : dim;
}

export function isDtype(type: string): type is Dtype {
  const dtypes: readonly string[] = DTYPES;
  return dtypes.includes(type);
}
