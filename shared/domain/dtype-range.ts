import type { Dtype, ElementType } from "./tensor.ts";

/** Smallest number that rounds to infinity: half a step above the largest number of the type. */
const FLOAT32_OVERFLOW = 2 ** 128 - 2 ** 103;
const FLOAT16_OVERFLOW = 65_520;

/** Exclusive bounds of the numbers that a dtype can store. Integers are truncated before they are stored. */
export const OPEN_RANGES = {
  int8: [-129, 128],
  int16: [-32_769, 32_768],
  int32: [-2_147_483_649, 2_147_483_648],
  // The largest float64 below -(2 ** 63), because the bound is exclusive.
  int64: [-(2 ** 63) - 2048, 2 ** 63],
  uint8: [-1, 256],
  uint16: [-1, 65_536],
  uint32: [-1, 4_294_967_296],
  uint64: [-1, 2 ** 64],
  bool: [-Infinity, Infinity],
  float16: [-FLOAT16_OVERFLOW, FLOAT16_OVERFLOW],
  float32: [-FLOAT32_OVERFLOW, FLOAT32_OVERFLOW],
  float64: [-Infinity, Infinity],
} as const satisfies Record<Dtype, readonly [number, number]>;

type FloatDtype = Extract<Dtype, `float${string}`>;

/** Checks whether a dtype is a float, which also stores NaN and the infinities. */
export function isFloat(dtype: ElementType): dtype is FloatDtype {
  return dtype.startsWith("float");
}

/** Checks whether a tensor of `dtype` can store `value`. A finite number never becomes infinite. */
export function fitsDtype(value: number, dtype: ElementType): boolean {
  if (dtype === "string") return false;
  const [above, below] = OPEN_RANGES[dtype];
  return (value > above && value < below) || storesSpecially(value, dtype);
}

/** Checks whether a dtype stores a number that is not finite. As a bool, an infinity is true. */
export function storesSpecially(value: number, dtype: Dtype): boolean {
  return isFloat(dtype) ? !Number.isFinite(value) : dtype === "bool" && !Number.isNaN(value);
}
