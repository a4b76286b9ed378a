import fc from "fast-check";
import { expect, test } from "vitest";
import { formatBytes, formatCount, formatRate, parseBytes } from "../../../../shared/core/units.ts";

test("sizes with binary units are parsed, and formatted sizes are read back unchanged", () => {
  expect(["4GiB", "1.5 KiB", "512MiB", "0", "7", "2TiB"].map(parseBytes)).toEqual([
    4 * 1024 ** 3,
    1536,
    512 * 1024 ** 2,
    0,
    7,
    2 * 1024 ** 4,
  ]);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1023 }), fc.nat(4), (value, power) => {
      expect(parseBytes(formatBytes(value * 1024 ** power))).toBe(value * 1024 ** power);
    }),
  );
});

test("an invalid or ambiguous size is rejected", () => {
  for (const text of ["", "GiB", "4GB", "4g", "-1GiB", "1e9", "4GiB more", "NaN", ".5GiB"])
    expect(parseBytes(text), text).toBeNull();
});

test("a count has the digits and commas of the `en-US` locale, whatever its sign and size", () => {
  const alike = (count: number) => {
    expect(formatCount(count)).toBe(Math.round(count).toLocaleString("en-US"));
  };
  for (const count of [0, -0, -0.4, 999.5, -1_234.5, 2 ** 53, -(2 ** 53), 1e21, -1.5e300, NaN, Infinity])
    alike(count);
  fc.assert(fc.property(fc.oneof(fc.double(), fc.maxSafeInteger(), fc.integer()), alike));
});

test("a rate below ten is shown with two digits, so that a slow job does not show 0 rows/s", () => {
  expect([0, 0.378, 3.24, 9.97, 10.4, 22_400].map(formatRate)).toEqual([
    "0",
    "0.38",
    "3.2",
    "10",
    "10",
    "22,400",
  ]);
});
