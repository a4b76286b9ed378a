import type { Field } from "../../shared/domain/dataset.ts";
import { isFixed, type TensorInfo } from "../../shared/domain/tensor.ts";
import { isScalar } from "./field-kinds.ts";
import { isIdName } from "./id-column.ts";

/** Returns a name without what people write differently: `Input IDs` is `input_ids`. */
export function plainName(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
}

/**
 * Tells whether a column numbers the rows while the input takes lists: ids of tokens, positions, phonemes.
 * One number a row fits such an input, and is never what it means.
 */
export function isRowId(tensor: TensorInfo, field: Field): boolean {
  return isScalar(field) && isIdName(field.name) && openDims(tensor).length > 0;
}

/** Returns what only the user can know of one column that was taken for an input by its type and shape. */
export function columnDoubts(tensor: TensorInfo, field: Field): readonly string[] {
  const isNamed = plainName(field.name) === plainName(tensor.name);
  const { name } = field;
  const id =
    isIdName(name) && !isNamed ? [`is it this column? \`${name}\` looks like what tells rows apart`] : [];
  const open = openDims(tensor);
  if (!isScalar(field) || open.length === 0) return id;
  const dims = open.map((dim) => `\`${dim}\``).join(", ");
  return [...id, `\`${name}\` is one number a row, so ${dims} counts as 1. Is that meant?`];
}

/** Names the dimensions after the batch that the model leaves open, by their place where they have none. */
function openDims({ dims }: TensorInfo): readonly string[] {
  return dims.flatMap((dim, axis) => {
    if (axis === 0 || isFixed(dim)) return [];
    return [typeof dim === "string" && dim !== "" ? dim : `dimension ${axis}`];
  });
}
