import type { JobDescription } from "../../shared/domain/job.ts";
import { dtypeBytes } from "../../shared/domain/tensor.ts";

/** Inputs and outputs of one batch of uneven rows, at most: several are in flight. */
const BATCH_BYTES = 64 << 20;

/**
 * Rows of `length` steps that a batch may have at most: what the job's budget of tokens allows, and what fits
 * in the memory set aside. At least 1: a row that is too long for either runs alone.
 */
export function batchLimit({
  map,
  batchTokens,
}: Pick<JobDescription, "map" | "batchTokens">): (length: number) => number {
  if (map.fixedBatchRows !== null) {
    const rows = map.fixedBatchRows;
    return () => rows;
  }
  const tensors = [...map.inputs, ...new Map(map.outputs.map((output) => [output.tensor, output])).values()];
  const bytesOf = (steps: boolean) =>
    tensors
      .filter(({ uneven }) => (uneven !== null && uneven !== false) === steps)
      .reduce((bytes, { rowValues, dtype }) => bytes + rowValues * dtypeBytes(dtype), 0);
  const [rowBytes, stepBytes] = [bytesOf(false), bytesOf(true)];
  return (length) => {
    const inMemory = BATCH_BYTES / (rowBytes + stepBytes * length);
    const inBudget = batchTokens === "auto" ? Infinity : batchTokens / length;
    return Math.max(1, Math.floor(Math.min(inMemory, inBudget)));
  };
}
