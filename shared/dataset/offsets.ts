import type { Data } from "apache-arrow";
import { present } from "../core/assert.ts";

/** Offsets of a list: row r's values are `[offsets[r], offsets[r + 1])` of its child. */
export type Offsets = Int32Array | Float64Array;

/** Returns a column's offsets. 64-bit ones become float64, which is exact and avoids a BigInt for each. */
export function offsetsOf(data: Data): Offsets {
  const offsets: unknown = present(data.valueOffsets, "a list has offsets");
  if (offsets instanceof Int32Array) return offsets;
  if (offsets instanceof BigInt64Array) return Float64Array.from(offsets, Number);
  throw new Error("broken invariant: list offsets are neither 32 nor 64 bits wide");
}
