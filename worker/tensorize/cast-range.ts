import { type Bits, bitAt } from "../../shared/dataset/bits.ts";
import { type CheckedDtype, fitsDtype, isChecked } from "../../shared/domain/dtype-range.ts";
import { BLOCK_VALUES, type Cast, isPlain, widenBlock } from "./cast.ts";
import type { Leaf } from "./leaf.ts";

/** Source types whose every value fits, by integer dtype. */
const ALWAYS_FITS: Readonly<Record<CheckedDtype, readonly Leaf["type"][]>> = {
  int8: ["int8", "bool"],
  int16: ["int8", "int16", "uint8", "bool"],
  int32: ["int8", "int16", "int32", "uint8", "uint16", "bool"],
  int64: ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "bool"],
  uint8: ["uint8", "bool"],
  uint16: ["uint8", "uint16", "bool"],
  uint32: ["uint8", "uint16", "uint32", "bool"],
  uint64: ["uint8", "uint16", "uint32", "uint64", "bool"],
  bool: ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool"],
};

/** Whether a value of `leaf` may lie outside what `cast` can store: floats take anything, integers do not. */
export function needsCheck(leaf: Leaf, cast: Cast): boolean {
  if (!isChecked(cast.dtype)) return false;
  return !isPlain(cast) || !ALWAYS_FITS[cast.dtype].includes(leaf.type);
}

/** Whether `fill`, scaled, can be stored. */
export function fillFits(fill: number, { dtype, scale, offset }: Cast): boolean {
  return fitsDtype(fill * scale + offset, dtype);
}

/**
 * The first value of `[from, to)` that `cast` cannot store, as a number (NaN included); null when all fit.
 * Nulls are passed over. In the order of the values; unrounded except for 64-bit ones.
 */
export function findMisfit(
  leaf: Leaf,
  from: number,
  to: number,
  cast: Cast,
  nulls: Bits | null,
): number | null {
  if (!isChecked(cast.dtype)) return null;
  const dtype = cast.dtype;
  const words =
    leaf.kind === "wide" && leaf.type !== dtype && isPlain(cast) && (dtype === "int64" || dtype === "uint64");
  for (let start = from; start < to; start += BLOCK_VALUES) {
    const end = Math.min(start + BLOCK_VALUES, to);
    const values = widenBlock(leaf, start, end, cast);
    for (let index = 0; index < values.length; index += 1) {
      const value = values[index] ?? 0;
      // Between the two 64-bit types only the sign bit decides, and float64 would round it away.
      const good = words ? (leaf.words[(start + index) * 2 + 1] ?? 0) >= 0 : fitsDtype(value, dtype);
      if (!good && (nulls === null || bitAt(nulls, start + index))) return value;
    }
  }
  return null;
}
