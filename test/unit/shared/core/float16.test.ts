import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeHalf, halfTable } from "../../../../shared/core/float16.ts";
import { decodeHalf } from "../../../support/decode-half.ts";

describe("float16", () => {
  // Values from the tables of IEEE 754 binary16.
  test.each([
    [0, 0x0000],
    [-0, 0x8000],
    [1, 0x3c00],
    [-2, 0xc000],
    [65_504, 0x7bff],
    [2 ** -14, 0x0400],
    [2 ** -24, 0x0001],
    [1023 * 2 ** -24, 0x03ff],
    [0.333251953125, 0x3555],
    [Infinity, 0x7c00],
    [-Infinity, 0xfc00],
  ])("%d is encoded as %i and decoded back", (value, bits) => {
    expect(encodeHalf(value)).toBe(bits);
    expect(decodeHalf(bits)).toBe(value);
  });

  test.each([
    ["a tie is rounded to the even neighbour below", 1 + 2 ** -11, 0x3c00],
    ["a tie is rounded to the even neighbour above", 1 + 3 * 2 ** -11, 0x3c02],
    ["a value just over a tie is rounded up", 1 + 2 ** -11 + 2 ** -40, 0x3c01],
    ["rounding carries into the exponent", 2 - 2 ** -12, 0x4000],
    ["half of the smallest number is rounded to zero", 2 ** -25, 0x0000],
    ["a value just over half of the smallest number is rounded to that number", 2 ** -25 * 1.0001, 0x0001],
    ["a value above the largest subnormal is rounded up to a normal number", 1023.75 * 2 ** -24, 0x0400],
    ["a value just under the overflow is rounded to the largest number", 65_519.99, 0x7bff],
    ["the tie above the largest number becomes infinity", 65_520, 0x7c00],
    ["a value far beyond the range becomes infinity with its sign", -1e300, 0xfc00],
    ["a value far below the smallest number becomes zero with its sign", -1e-300, 0x8000],
    // By way of float32 this would become a tie, and round down.
    ["a float64 is rounded once, without an intermediate float32", 1 + 2 ** -11 + 2 ** -30, 0x3c01],
  ])("%s", (_name, value, bits) => {
    expect(encodeHalf(value)).toBe(bits);
  });

  test("NaN stays NaN", () => {
    expect(decodeHalf(encodeHalf(Number.NaN))).toBeNaN();
    expect(decodeHalf(0x7c01)).toBeNaN();
  });

  test("every 16-bit value is unchanged after decoding and encoding", () => {
    for (let bits = 0; bits < 0x10000; bits += 1) {
      const value = decodeHalf(bits);
      if (!Number.isNaN(value) && encodeHalf(value) !== bits) throw new Error(`bits ${bits} changed`);
    }
    expect(halfTable()).toHaveLength(0x10000);
  });

  test("no neighbouring float16 is nearer than the encoded one", () => {
    fc.assert(
      fc.property(fc.double({ min: -65_504, max: 65_504, noNaN: true }), (value) => {
        const bits = encodeHalf(value);
        const distance = Math.abs(decodeHalf(bits) - value);
        const magnitude = bits & 0x7fff;
        for (const other of [magnitude - 1, magnitude + 1]) {
          if (other < 0 || other >= 0x7c00) continue;
          expect(Math.abs(decodeHalf((bits & 0x8000) | other) - value)).toBeGreaterThanOrEqual(distance);
        }
      }),
    );
  });
});
