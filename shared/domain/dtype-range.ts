import type { Dtype, ElementType } from "./tensor.ts";

/** A value fits when it lies strictly between the two: after truncation it is then in the dtype's range. */
const OPEN_RANGES = {
  int8: [-129, 128],
  int16: [-32_769, 32_768],
  int32: [-2_147_483_649, 2_147_483_648],
  // The float64 just below -(2 ** 63); there is none between them.
  int64: [-(2 ** 63) - 2048, 2 ** 63],
  uint8: [-1, 256],
  uint16: [-1, 65_536],
  uint32: [-1, 4_294_967_296],
  uint64: [-1, 2 ** 64],
  // Anything but zero is true; only NaN is neither.
  bool: [-Infinity, Infinity],
} as const satisfies Partial<Record<Dtype, readonly [number, number]>>;

/** The dtypes that cannot store every number: all but the floats. */
export type CheckedDtype = keyof typeof OPEN_RANGES;

export function isChecked(dtype: ElementType): dtype is CheckedDtype {
  return dtype in OPEN_RANGES;
}

/** Whether a tensor of `dtype` can store `value`, as described at `Dtype`. */
export function fitsDtype(value: number, dtype: ElementType): boolean {
  if (dtype === "string") return false;
  if (!isChecked(dtype)) return true;
  if (dtype === "bool") return !Number.isNaN(value);
  const [above, below] = OPEN_RANGES[dtype];
  return value > above && value < below;
}
