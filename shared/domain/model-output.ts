import type { MapBinding, OutputBinding } from "./map-binding.ts";
import { type Dim, formatDims, withBatchAt } from "./tensor.ts";

/** Rows of a batch as a model ran it, and the positions that they were padded to, by sequence. */
export interface RanShape {
  readonly rows: number;
  readonly lengths: readonly number[] | null;
}

type OutputShape = Pick<OutputBinding, "rowDims" | "sequence" | "batchAxis">;

/** Returns the dims that an output must have, as the plan was bound. */
export function dueDims(
  { rowDims, sequence, batchAxis }: OutputShape,
  { rows, lengths }: RanShape,
): readonly number[] {
  const row = [...(sequence === null ? [] : [lengths?.[sequence] ?? 0]), ...rowDims];
  return withBatchAt(row, rows, batchAxis);
}

/** Tells whether an output is taken in another shape than the model declares. */
export function overridesDeclaration(
  output: Pick<OutputBinding, "rowDims" | "sequence" | "batchAxis" | "declaredDims">,
  { fixedBatchRows }: Pick<MapBinding, "fixedBatchRows">,
): boolean {
  const { declaredDims, sequence, batchAxis } = output;
  // Stands for a size that is open: no declared one is it.
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

/** Writes a type and dims as messages have them: `float32[n, ?]`. */
export function tensorText(dtype: string, dims: readonly Dim[]): string {
  return `${dtype}${formatDims(dims)}`;
}

/**
 * Says by which keys of the job an output of these dims is taken as it is, where one of them is the batch.
 *
 * @param dims what the model gave for so many rows
 */
export function shapeHint(dims: readonly number[], rows: number): string {
  const axis = dims.indexOf(rows);
  if (axis < 0)
    return "say what it gives: `shape` is a row of it, `batchAxis` the dimension that is the batch";
  const row = dims.filter((_, at) => at !== axis);
  const where = axis === 0 ? "" : ` and \`batchAxis: ${axis}\``;
  return `if dimension ${axis} of that is the batch, say so: \`shape: [${row.join(", ")}]\`${where}`;
}
