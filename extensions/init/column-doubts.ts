import type { Field } from "../../shared/domain/dataset.ts";
import { isFixed, type TensorInfo } from "../../shared/domain/tensor.ts";
import { isScalar } from "./field-kinds.ts";
import { isIdName } from "./id-column.ts";

/** Returns a name without case and punctuation: `Input IDs` equals `input_ids`. */
export function plainName(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
}

/**
 * Returns true for a row id when the input takes lists, such as token ids or positions. One number per row
 * would fit such an input, but is never meant.
 */
export function isRowId(tensor: TensorInfo, field: Field): boolean {
  return isScalar(field) && isIdName(field.name) && openDims(tensor).length > 0;
}

/** Returns questions about a column that was chosen by its type and shape. */
export function columnDoubts(tensor: TensorInfo, field: Field): readonly string[] {
  const isNamed = plainName(field.name) === plainName(tensor.name);
  const { name } = field;
  const id =
    isIdName(name) && !isNamed ? [`is this the right column? \`${name}\` looks like an id of rows`] : [];
  const open = openDims(tensor);
  if (!isScalar(field) || open.length === 0) return id;
  const dims = open.map((dim) => `\`${dim}\``).join(", ");
  return [...id, `\`${name}\` is one number a row, so ${dims} counts as 1. Is that intended?`];
}

/** Returns the names of the open dimensions after the batch, or their index if they have no name. */
function openDims({ dims }: TensorInfo): readonly string[] {
  return dims.flatMap((dim, axis) => {
    if (axis === 0 || isFixed(dim)) return [];
    return [typeof dim === "string" && dim !== "" ? dim : `dimension ${axis}`];
  });
}
