import { halfTable } from "../../shared/core/float16.ts";

/** Returns the value of a float16's bits. */
export function decodeHalf(bits: number): number {
  const value = halfTable()[bits];
  if (value === undefined) throw new Error(`${bits} is no number of 16 bits`);
  return value;
}
