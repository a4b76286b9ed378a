import { type Bits, bitAt } from "../../shared/dataset/bits.ts";
import { fitsDtype, isFloat, OPEN_RANGES, storesSpecially } from "../../shared/domain/dtype-range.ts";
import type { Dtype } from "../../shared/domain/tensor.ts";
import { BLOCK_VALUES, type Cast, isPlain, TWO_32, widenBlock } from "./cast.ts";
import type { Leaf } from "./leaf.ts";

type LeafType = Exclude<Leaf["type"], "string">;

/** Largest magnitude of each source type. */
const MAGNITUDES: Readonly<Record<LeafType, number>> = {
  int8: 128,
  int16: 32_768,
  int32: 2 ** 31,
  int64: 2 ** 63,
  uint8: 255,
  uint16: 65_535,
  uint32: 2 ** 32 - 1,
  uint64: 2 ** 64,
  float16: 65_504,
  float32: (2 - 2 ** -23) * 2 ** 127,
  float64: Number.MAX_VALUE,
  bool: 1,
};

/** Source types whose every value fits, by integer dtype. */
const ALWAYS_FITS: Readonly<Record<Exclude<Dtype, `float${string}`>, readonly Leaf["type"][]>> = {
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

/** Checks whether a value of `leaf` may lie outside what `cast` can store. */
export function needsCheck(leaf: Leaf, cast: Cast): boolean {
  const { dtype, scale, offset } = cast;
  if (leaf.type === "string") return false;
  if (!isFloat(dtype)) return !isPlain(cast) || !ALWAYS_FITS[dtype].includes(leaf.type);
  return MAGNITUDES[leaf.type] * Math.abs(scale) + Math.abs(offset) >= OPEN_RANGES[dtype][1];
}

/** Checks whether `fill`, scaled, can be stored. */
export function fillFits(fill: number, { dtype, scale, offset }: Cast): boolean {
  return fitsDtype(fill * scale + offset, dtype);
}

/**
 * Finds the first value of `[from, to)` that `cast` cannot store. Nulls are skipped. An unscaled fraction is
 * no integer. A scaled one is truncated.
 *
 * @returns the value, exact, as text
 */
export function findMisfit(
  leaf: Leaf,
  from: number,
  to: number,
  cast: Cast,
  nulls: Bits | null,
): string | null {
  const { dtype } = cast;
  const [above, below] = OPEN_RANGES[dtype];
  const isExact = isPlain(cast);
  const areWords =
    leaf.kind === "wide" && leaf.type !== dtype && isExact && (dtype === "int64" || dtype === "uint64");
  const mustBeWhole = isExact && !isFloat(dtype) && dtype !== "bool" && leaf.type.startsWith("float");
  for (let start = from; start < to; start += BLOCK_VALUES) {
    const end = Math.min(start + BLOCK_VALUES, to);
    const values = widenBlock(leaf, start, end, cast);
    for (let index = 0; index < values.length; index += 1) {
      const value = values[index] ?? 0;
      // Between the two 64-bit types only the sign bit matters, which float64 would round away.
      const isGood = areWords
        ? (leaf.words[(start + index) * 2 + 1] ?? 0) >= 0
        : value > above && value < below && (!mustBeWhole || value === Math.trunc(value));
      if (isGood || (!areWords && storesSpecially(value, dtype))) continue;
      if (nulls === null || bitAt(nulls, start + index))
        return leaf.kind === "wide" && isExact ? wideText(leaf, start + index) : numberText(value);
    }
  }
  return null;
}

function wideText({ type, words }: Extract<Leaf, { kind: "wide" }>, index: number): string {
  const low = (words[index * 2] ?? 0) >>> 0;
  const high = words[index * 2 + 1] ?? 0;
  return String(BigInt(type === "int64" ? high : high >>> 0) * BigInt(TWO_32) + BigInt(low));
}

/** Formats a number. Integers have all digits, where JavaScript would round the last ones. */
function numberText(value: number): string {
  return Number.isInteger(value) && Math.abs(value) < 1e21 ? String(BigInt(value)) : String(value);
}
