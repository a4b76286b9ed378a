import fc from "fast-check";
import { expect, test } from "vitest";
import { RowPositions } from "../../../../worker/tensorize/row-positions.ts";

/** Returns the padded length of a row with a number of positions. */
const paddedLength = (count: number) => new RowPositions([], [true]).lengthsOf([count])[0] ?? 0;

const positions = fc.integer({ min: 1, max: 1 << 24 });

test("the padded length is at least the row's, less than 1/32 longer, and pads to itself", () => {
  fc.assert(
    fc.property(positions, (count) => {
      const length = paddedLength(count);
      expect(length).toBeGreaterThanOrEqual(count);
      expect(length).toBeLessThan(count * (1 + 1 / 32));
      expect(paddedLength(length)).toBe(length);
    }),
  );
});

test("one position more than a power of two is padded by 1/32 of that power, less that position", () => {
  for (let power = 64; power <= 1 << 24; power *= 2) {
    expect([power, power + 1, power + power / 32].map(paddedLength)).toEqual([
      power,
      power + power / 32,
      power + power / 32,
    ]);
  }
});

test("a longer row never gets a shorter padded length", () => {
  fc.assert(
    fc.property(positions, positions, (a, b) => {
      expect(paddedLength(Math.max(a, b))).toBeGreaterThanOrEqual(paddedLength(Math.min(a, b)));
    }),
  );
});

test("rows of 1 to 512 positions are padded to 160 lengths, and an empty row to one position", () => {
  const lengths = new Set(Array.from({ length: 512 }, (_, index) => paddedLength(index + 1)));
  expect(lengths.size).toBe(160);
  expect([0, 1, 32, 33, 64, 65, 129, 257].map(paddedLength)).toEqual([1, 1, 32, 33, 64, 66, 132, 264]);
});
