import type { Dtype, ElementType } from "./tensor.ts";

/** From here on a finite number rounds to infinity: half a step beyond the largest number of the type. */
const FLOAT32_OVERFLOW = 2 ** 128 - 2 ** 103;
const FLOAT16_OVERFLOW = 65_520;

/** Bounds of the numbers that a dtype stores, both excluded. An integer is truncated before it is stored. */
export const OPEN_RANGES = {
  int8: [-129, 128],
  int16: [-32_769, 32_768],
  int32: [-2_147_483_649, 2_147_483_648],
  // The float64 just below -(2 ** 63); there is none between them.
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

/** Checks whether a dtype is of floats: they also store NaN and the infinities. */
export function isFloat(dtype: ElementType): dtype is FloatDtype {
  return dtype.startsWith("float");
}

/** Checks whether a tensor of `dtype` can store `value`. A finite number never becomes infinite. */
export function fitsDtype(value: number, dtype: ElementType): boolean {
  if (dtype === "string") return false;
  const [above, below] = OPEN_RANGES[dtype];
  return (value > above && value < below) || storesSpecially(value, dtype);
}

/** Checks whether a float stores a number that is not finite. To a bool, all numbers but zero are true. */
export function storesSpecially(value: number, dtype: Dtype): boolean {
  return isFloat(dtype) ? !Number.isFinite(value) : dtype === "bool" && !Number.isNaN(value);
}
