import type { InputBinding, MapPlan } from "../../shared/domain/map-plan.ts";
import {
  DTYPE_ARRAYS,
  type Dtype,
  product,
  type TensorData,
  withBatchAt,
} from "../../shared/domain/tensor.ts";

/** Of uneven rows in a trial: about a sentence or two. */
export const TRIAL_STEPS = 64;

/** 0.5 as float16. */
const HALF_BITS = 0x3800;

/** Rows for the model to be timed with, that no row of data has: what it makes of them is thrown away. */
export interface TrialBatch {
  readonly feeds: (rows: number) => Record<string, TensorData>;
  readonly outputs: readonly string[];
}

/**
 * Feeds of the job's shapes. Floats are spread over -0.5 to 0.5; whole numbers are zero, which is a valid
 * index and token of nearly any model; masks are full, so that every step is computed.
 */
export function planTrial({ inputs, outputs }: Pick<MapPlan, "inputs" | "outputs">): TrialBatch {
  return {
    feeds: (rows) => Object.fromEntries(inputs.map((input) => [input.tensor, feedOf(input, rows)])),
    outputs: [...new Set(outputs.map(({ tensor }) => tensor))],
  };
}

function feedOf({ dtype, rowDims, uneven, source, batchAxis }: InputBinding, rows: number): TensorData {
  const dims = withBatchAt([...(uneven === null ? [] : [TRIAL_STEPS]), ...rowDims], rows, batchAxis);
  const array = new DTYPE_ARRAYS[dtype](product(dims));
  if (source.kind === "mask") fillOnes(array);
  else fillSome(array, dtype);
  return { dtype, dims, data: array.buffer };
}

function fillSome(array: InstanceType<(typeof DTYPE_ARRAYS)[Dtype]>, dtype: Dtype): void {
  if (array instanceof Float32Array || array instanceof Float64Array) {
    for (let index = 0; index < array.length; index += 1) array[index] = ((index * 37) % 101) / 101 - 0.5;
  } else if (dtype === "float16" && array instanceof Uint16Array) array.fill(HALF_BITS);
}

function fillOnes(array: InstanceType<(typeof DTYPE_ARRAYS)[Dtype]>): void {
  if (array instanceof BigInt64Array || array instanceof BigUint64Array) array.fill(1n);
  else array.fill(1);
}
