/**
 * Layout of an input's rows in its tensor.
 *
 * | shape | rows |
 * |---|---|
 * | even | all have the model's own shape: the tensor is `[rows, ...rowDims]` |
 * | padded | sequences of different length, padded to the longest of a batch |
 * | unpadded | sequences of different length, one length a batch, because the model cannot mask padding |
 * | pairs | a value for each pair of positions of a sequence |
 * | counted | the number of a row's positions in a sequence: the tensor is `[rows, ...rowDims]` |
 * | none | the input has no rows: its tensor is `rowDims`, the same for every batch of any size |
 *
 * The tensor of uneven rows is `[rows, longest, ...rowDims]`, and that of pairs `[rows, longest, longest,
 * ...rowDims]`. Uneven inputs form sequences, by the model's names of their dimensions. Inputs of one
 * sequence have equally many positions in a row, and either all or none are padded. Sequences are numbered
 * from 0, and their lengths are independent.
 */
export type RowShape =
  | { readonly kind: "even" }
  /** `pad` fills missing positions. Scale and offset do not change it. */
  | { readonly kind: "padded"; readonly pad: number; readonly sequence: number }
  | { readonly kind: "unpadded"; readonly sequence: number }
  /**
   * `before` is the number of `rowDims` in front of the positions. All of these are 1. Null for `pad`: the
   * sequence is not padded.
   */
  | {
      readonly kind: "pairs";
      readonly pad: number | null;
      readonly sequence: number;
      readonly before: number;
    }
  | { readonly kind: "counted"; readonly sequence: number }
  | { readonly kind: "none" };

/** Returns the shape of the rows of all inputs together. One uneven input makes them uneven. */
export function rowShapeOf(map: {
  readonly inputs: readonly { readonly rowShape: RowShape }[];
}): "unpadded" | "padded" | "even" {
  const uneven = map.inputs.map(({ rowShape }) => rowShape).filter(isUneven);
  if (uneven.length === 0) return "even";
  return uneven.every((shape) => padOf(shape) !== null) ? "padded" : "unpadded";
}

/** Shape of rows with positions of a sequence. */
type UnevenShape = Extract<RowShape, { readonly kind: "padded" | "unpadded" | "pairs" }>;

/** Narrows to shapes whose rows have positions of a sequence. */
export function isUneven(shape: RowShape): shape is UnevenShape {
  return shape.kind === "padded" || shape.kind === "unpadded" || shape.kind === "pairs";
}

/** Returns the value of missing positions. Null: rows of different length never share a batch. */
export function padOf(shape: UnevenShape): number | null {
  return shape.kind === "unpadded" ? null : shape.pad;
}

/** Returns the shape without padding. */
export function withoutPadding(shape: UnevenShape): UnevenShape {
  return shape.kind === "pairs" ? { ...shape, pad: null } : { kind: "unpadded", sequence: shape.sequence };
}

/** Inserts the positions of a row among its other dims. Other shapes than uneven ones have none. */
export function withPositions<D>(
  rowDims: readonly D[],
  shape: RowShape,
  positionsOf: (sequence: number) => D,
): readonly D[] {
  if (!isUneven(shape)) return rowDims;
  const positions = positionsOf(shape.sequence);
  if (shape.kind !== "pairs") return [positions, ...rowDims];
  return [...rowDims.slice(0, shape.before), positions, positions, ...rowDims.slice(shape.before)];
}
