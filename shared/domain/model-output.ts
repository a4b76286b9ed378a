import type { MapBinding, OutputBinding } from "./map-binding.ts";
import { type Dim, formatDims, withBatchAt } from "./tensor.ts";

/** Rows of a batch as the model ran it, and the padded length of each sequence. */
export interface RanShape {
  readonly rows: number;
  readonly lengths: readonly number[] | null;
}

type OutputShape = Pick<OutputBinding, "rowDims" | "sequence" | "open" | "batchAxis">;

/** Returns the dims that the plan requires of an output. "": any size. */
export function dueDims(
  { rowDims, sequence, open, batchAxis }: OutputShape,
  { rows, lengths }: RanShape,
): readonly Dim[] {
  const lists = open?.dims.map((dim) => dim ?? "") ?? [];
  const row: readonly Dim[] = [
    ...(sequence === null ? [] : [lengths?.[sequence] ?? 0]),
    ...lists,
    ...rowDims,
  ];
  return batchAxis === null ? row : withBatchAt<Dim>(row, rows, batchAxis);
}

/** Checks whether a model's dims are as the plan requires. */
export function areDue(dims: readonly number[], due: readonly Dim[]): boolean {
  return dims.length === due.length && due.every((dim, axis) => dim === "" || dim === dims[axis]);
}

/** Checks whether the job takes an output in another shape than the model declares. */
export function overridesDeclaration(
  output: OutputShape & Pick<OutputBinding, "declaredDims">,
  { fixedBatchRows }: Pick<MapBinding, "fixedBatchRows">,
): boolean {
  const { declaredDims, sequence, batchAxis } = output;
  // Placeholder for an open size. No declared size equals it.
  const open = -1;
  const due = dueDims(output, {
    rows: fixedBatchRows ?? open,
    lengths: sequence === null ? null : Array<number>(sequence + 1).fill(open),
  });
  if (due.length !== declaredDims.length) return true;
  return declaredDims.some((dim, axis) => {
    const isSize = typeof dim === "number" && dim >= 1;
    const isOneForAll = axis === batchAxis && dim === 1 && declaredDims.length === 1;
    return isSize && dim !== due[axis] && !isOneForAll;
  });
}

/** Formats a type and dims for messages: `float32[n, ?]`. */
export function tensorText(dtype: string, dims: readonly Dim[]): string {
  return `${dtype}${formatDims(dims)}`;
}

/**
 * Returns the hint which job keys would accept these dims, if one of the dims is the batch.
 *
 * @param dims dims that the model returned for `rows` rows
 */
export function shapeHint(dims: readonly number[], rows: number): string {
  const axis = dims.indexOf(rows);
  if (axis < 0)
    return "set `shape` to the dimensions of a row, and `batchAxis` to the dimension that is the batch, or to `none`";
  const row = dims.filter((_, at) => at !== axis);
  const where = axis === 0 ? "" : ` and \`batchAxis: ${axis}\``;
  return `if dimension ${axis} of that is the batch, set \`shape: [${row.join(", ")}]\`${where}`;
}
