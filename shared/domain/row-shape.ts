/**
 * How the rows of an input lie in its tensor.
 *
 * | shape | rows |
 * |---|---|
 * | even | have the model's own shape, all of them: the tensor is `[rows, ...rowDims]` |
 * | padded | are sequences of positions that differ in length: padded to the longest of a batch |
 * | unpadded | differ in length, too, but the model could not tell padding: a batch has rows of one length |
 * | none | the input has none: its tensor is `rowDims`, the same for every batch of any size |
 *
 * The tensor of uneven rows is `[rows, longest, ...rowDims]`. Uneven inputs form sequences, by the model's
 * names of their dimensions. Inputs of one sequence have equally many positions in a row, and all of them are
 * padded, or none. Sequences are numbered from 0 and differ in length independently of each other.
 */
export type RowShape =
  | { readonly kind: "even" }
  /** `pad` stands in for the positions that a row lacks, as the model sees it (after scale and offset). */
  | { readonly kind: "padded"; readonly pad: number; readonly sequence: number }
  | { readonly kind: "unpadded"; readonly sequence: number }
  | { readonly kind: "none" };

/** Of all inputs together: if one of them is uneven, so are the rows. */
export function rowShapeOf(map: {
  readonly inputs: readonly { readonly rowShape: RowShape }[];
}): RowShape["kind"] {
  const kinds = map.inputs.map(({ rowShape }) => rowShape.kind);
  if (kinds.includes("unpadded")) return "unpadded";
  return kinds.includes("padded") ? "padded" : "even";
}

/** A shape whose rows are sequences of positions, each of its own length. */
export type UnevenShape = Extract<RowShape, { readonly sequence: number }>;

/** Narrows to shapes whose rows are sequences of positions. */
export function isUneven(shape: RowShape): shape is UnevenShape {
  return shape.kind === "padded" || shape.kind === "unpadded";
}
