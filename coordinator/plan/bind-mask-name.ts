/** Masks by the convention of those who export models: 1 for a step, 0 for padding. */
const MASK_NAMES: readonly string[] = ["attention_mask", "input_mask"];

/**
 * Whether an ONNX input of this name is a mask of steps. A column that feeds it tells the model what is
 * padding, as one that is made with `mask` does.
 */
export function isMaskName(tensor: string): boolean {
  return MASK_NAMES.includes(tensor);
}
