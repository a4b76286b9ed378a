import { ShardmillError } from "../core/errors.ts";
import {
  type Dim,
  DTYPES,
  type Dtype,
  ELEMENT_TYPES,
  type ModelSignature,
  type TensorInfo,
  type UnusableOutput,
} from "../domain/tensor.ts";

/** ONNX Runtime's description of an input or output (`InferenceSession.inputMetadata`). */
type ValueMetadata =
  | { readonly name: string; readonly isTensor: false }
  | {
      readonly name: string;
      readonly isTensor: true;
      readonly type: string;
      readonly shape: readonly (number | string)[];
    };

/** Names of the classes that an output has a score for, by output. */
export type ClassNames = ReadonlyMap<string, readonly string[]>;

/**
 * Returns the model's inputs and outputs. Every input must be a tensor of a dtype that columns can feed.
 * Outputs that cannot become a column (sequences, maps) are listed apart. Such outputs are never requested,
 * and a job that uses one gets the reason.
 *
 * @throws {MODEL_INVALID} when inputs are no such tensors, with their names
 */
export function signatureOf(
  inputs: readonly ValueMetadata[],
  outputs: readonly ValueMetadata[],
  classes: ClassNames = new Map(),
): ModelSignature {
  const refused = inputs.filter((input) => tensorInfo(input) === null);
  if (refused.length > 0) {
    const [first] = refused;
    throw new ShardmillError("MODEL_INVALID", `model input ${first?.name} cannot be fed from columns`, {
      fields: { tensor: first?.name ?? null },
      problems: refused.map((input) => ({
        where: input.name,
        what: "the model's input cannot be fed from columns",
        expected: `a tensor of ${ELEMENT_TYPES.join(", ")}`,
        found: kindOf(input),
        hint: "move this step out of the model, or export the model without it",
      })),
    });
  }
  const unusable = outputs.flatMap((output) => unusableOutput(output) ?? []);
  const usable = outputs.filter((output) => unusableOutput(output) === null);
  const named = known(usable).map((output) => {
    const names = classes.get(output.name);
    return names === undefined ? output : { ...output, classes: names };
  });
  return { inputs: known(inputs), outputs: named, unusable };
}

function known(values: readonly ValueMetadata[]): readonly TensorInfo[] {
  return values.map(tensorInfo).filter((info) => info !== null);
}

function unusableOutput(output: ValueMetadata): UnusableOutput | null {
  if (tensorInfo(output) === null) return { name: output.name, kind: kindOf(output) };
  // ONNX Runtime's JavaScript half collects requested outputs in a plain object, where this name sets the
  // prototype.
  if (output.name !== "__proto__") return null;
  return { name: output.name, kind: "of a name that ONNX Runtime for Node.js does not support" };
}

function kindOf(value: ValueMetadata): string {
  return value.isTensor ? `a tensor of ${value.type}` : "a sequence, map or optional value";
}

function tensorInfo(value: ValueMetadata): TensorInfo | null {
  if (!value.isTensor || !(value.type === "string" || isDtype(value.type))) return null;
  return { name: value.name, dtype: value.type, dims: value.shape.map(openOrSized) };
}

/** Names that exporters write for an unnamed open dimension. Two such dimensions are unrelated. */
const NAMELESS: readonly unknown[] = [undefined, "?", "None", "unk"];

function openOrSized(dim: number | string | undefined): Dim {
  return dim === undefined || NAMELESS.includes(dim) ? "" : dim;
}

export function isDtype(type: string): type is Dtype {
  const dtypes: readonly string[] = DTYPES;
  return dtypes.includes(type);
}
