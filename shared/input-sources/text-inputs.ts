import { MASK_NAMES } from "./position-mask.ts";

/** Names that exporters give to token ids. */
const ID_NAMES: readonly string[] = ["input_ids", "ids", "tokens"];

/** Names of inputs that distinguish the two texts of a pair. All values are zero for one text. */
export const TYPE_NAMES: readonly string[] = ["token_type_ids", "segment_ids"];

/** Names of inputs about each token: whether it is present, and from which text. */
export const TOKEN_NAMES: readonly string[] = [...MASK_NAMES, ...TYPE_NAMES];

/** Checks whether an ONNX input of this name takes token ids. */
export function isIdsName(tensor: string): boolean {
  return ID_NAMES.includes(tensor);
}
