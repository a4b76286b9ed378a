import type { MapPlan } from "./map-plan.ts";

/**
 * How the rows of a job lie in tensors.
 *
 * | shape | rows |
 * |---|---|
 * | even | have the model's own shape, all of them |
 * | padded | are sequences of positions that differ in length: padded to the longest of a batch |
 * | unpadded | differ in length, but could not be padded unnoticed: a batch has one length |
 */
type RowShape = "even" | "padded" | "unpadded";

/** Of all inputs together: if one of them is uneven, so are the rows. */
export function rowShapeOf({ inputs }: Pick<MapPlan, "inputs">): RowShape {
  const pads = inputs.flatMap(({ uneven }) => (uneven === null ? [] : [uneven.pad]));
  if (pads.length === 0) return "even";
  return pads.includes(null) ? "unpadded" : "padded";
}
