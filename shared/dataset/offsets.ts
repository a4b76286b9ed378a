import type { Data } from "apache-arrow";
import { present } from "../core/assert.ts";

/** Row r's values are `[offsets[r], offsets[r + 1])` of what lies below. */
export type Offsets = Int32Array | Float64Array;

/** 64-bit offsets become float64: exact, and read without a BigInt each. */
export function offsetsOf(data: Data): Offsets {
  const offsets: unknown = present(data.valueOffsets, "a list has offsets");
  if (offsets instanceof Int32Array) return offsets;
  if (offsets instanceof BigInt64Array) return Float64Array.from(offsets, Number);
  throw new Error("broken invariant: list offsets are neither 32 nor 64 bits wide");
}
