import { halfTable } from "../../shared/core/float16.ts";

/** The value of the bits of a float16. */
export function decodeHalf(bits: number): number {
  const value = halfTable()[bits];
  if (value === undefined) throw new Error(`${bits} is no number of 16 bits`);
  return value;
}
