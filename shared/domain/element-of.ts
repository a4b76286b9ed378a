import { encodeHalf } from "../core/float16.ts";
import type { ValueElement } from "../input-sources/same-value.ts";
import { fitsDtype, isFloat } from "./dtype-range.ts";
import type { Dtype, DtypeArray } from "./tensor.ts";

/** Floats that are not numbers in JSON or YAML. */
const NO_NUMBERS: ReadonlyMap<string, number> = new Map([
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
]);

/**
 * Returns a tensor element from a job file as a number, scaled, in the tensor's dtype. Quoted 64-bit integers
 * become a bigint, because float64 would round them. They cannot be scaled. Null: the element is not a
 * number, or does not fit.
 */
export function elementOf(
  element: ValueElement,
  { dtype, scale, offset }: { readonly dtype: Dtype; readonly scale: number; readonly offset: number },
): number | bigint | null {
  if (typeof element === "string") {
    const special = NO_NUMBERS.get(element);
    if (special !== undefined) return isFloat(dtype) ? special : null;
    return /^-?\d{1,20}$/.test(element) && scale === 1 && offset === 0
      ? wholeOf(BigInt(element), dtype)
      : null;
  }
  const value = Number(element) * scale + offset;
  if (!isFloat(dtype) && dtype !== "bool" && !Number.isSafeInteger(value)) return null;
  return fitsDtype(value, dtype) ? value : null;
}

function wholeOf(value: bigint, dtype: Dtype): bigint | number | null {
  if (dtype === "int64") return BigInt.asIntN(64, value) === value ? value : null;
  if (dtype === "uint64") return BigInt.asUintN(64, value) === value ? value : null;
  return Number.isSafeInteger(Number(value)) && fitsDtype(Number(value), dtype) ? Number(value) : null;
}

/** Writes one element in the memory layout of its dtype. */
export function setElement(target: DtypeArray, at: number, value: number | bigint, dtype: Dtype): void {
  if (target instanceof BigInt64Array || target instanceof BigUint64Array) target[at] = BigInt(value);
  else if (dtype === "float16") target[at] = encodeHalf(Number(value));
  else if (dtype === "bool") target[at] = Number(value) === 0 ? 0 : 1;
  else target[at] = Number(value);
}
