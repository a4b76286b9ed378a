import { MASK_NAMES } from "./position-mask.ts";

/** Names that exporters give to the ids of a text's tokens. */
const ID_NAMES: readonly string[] = ["input_ids", "ids", "tokens"];

/** Names of inputs that tell the two texts of a pair apart: all zero for one text. */
export const TYPE_NAMES: readonly string[] = ["token_type_ids", "segment_ids"];

/** Names of inputs that say of each token of a text what it is: whether it is there, and from which text. */
export const TOKEN_NAMES: readonly string[] = [...MASK_NAMES, ...TYPE_NAMES];

/** Whether an ONNX input of this name takes the ids of a text's tokens. */
export function isIdsName(tensor: string): boolean {
  return ID_NAMES.includes(tensor);
}
