import type { MapBinding, OpenDims, OutputBinding } from "./map-binding.ts";
import { DTYPE_ARRAYS, type TensorData } from "./tensor.ts";

/** Returns the number of nested lists in a row. Dimensions of one are no lists. */
export function listDepth({ dims, lengths }: OpenDims): number {
  return lengths === null ? dims.filter((dim) => dim !== 1).length : 1;
}

/**
 * Checks whether the rows of an output run one by one. In one run with others, a row would have their size,
 * and no dimension of its own.
 */
export function runsAlone({ open, batchAxis }: Pick<OutputBinding, "open" | "batchAxis">): boolean {
  return batchAxis === null || open?.lengths === null;
}

/** Returns the ONNX outputs that the columns are made from, and those with their lengths. */
export function neededTensors({ outputs }: Pick<MapBinding, "outputs">): readonly string[] {
  return outputs.flatMap(({ tensor, open }) => (open?.lengths == null ? [tensor] : [tensor, open.lengths]));
}

/** Checks whether outputs have another shape in each run, so that several runs cannot be joined. */
export function differsByRun({ outputs }: Pick<MapBinding, "outputs">): boolean {
  return outputs.some(({ open, batchAxis }) => open !== undefined || batchAxis === null);
}

/** Returns the lengths of a batch's rows, from the output that has them. */
export function lengthsIn({ dtype, data }: TensorData): readonly number[] {
  return dtype === "string" ? [] : Array.from<number | bigint, number>(new DTYPE_ARRAYS[dtype](data), Number);
}
