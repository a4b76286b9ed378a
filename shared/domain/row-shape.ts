/**
 * Layout of an input's rows in its tensor.
 *
 * | shape | rows |
 * |---|---|
 * | even | all have the model's own shape: the tensor is `[rows, ...rowDims]` |
 * | padded | sequences of different length, padded to the longest of a batch |
 * | unpadded | sequences of different length, one length a batch, because the model cannot mask padding |
 * | none | the input has no rows: its tensor is `rowDims`, the same for every batch of any size |
 *
 * The tensor of uneven rows is `[rows, longest, ...rowDims]`. Uneven inputs form sequences, by the model's
 * names of their dimensions. Inputs of one sequence have equally many positions in a row, and either all or
 * none are padded. Sequences are numbered from 0, and their lengths are independent.
 */
export type RowShape =
  | { readonly kind: "even" }
  /** `pad` fills missing positions. Scale and offset do not change it. */
  | { readonly kind: "padded"; readonly pad: number; readonly sequence: number }
  | { readonly kind: "unpadded"; readonly sequence: number }
  | { readonly kind: "none" };

/** Returns the shape of the rows of all inputs together. One uneven input makes them uneven. */
export function rowShapeOf(map: {
  readonly inputs: readonly { readonly rowShape: RowShape }[];
}): RowShape["kind"] {
  const kinds = map.inputs.map(({ rowShape }) => rowShape.kind);
  if (kinds.includes("unpadded")) return "unpadded";
  return kinds.includes("padded") ? "padded" : "even";
}

/** Shape of rows that are sequences of different length. */
export type UnevenShape = Extract<RowShape, { readonly sequence: number }>;

/** Narrows to shapes whose rows are sequences. */
export function isUneven(shape: RowShape): shape is UnevenShape {
  return shape.kind === "padded" || shape.kind === "unpadded";
}
