import fc from "fast-check";
import { expect, test } from "vitest";
import { spreadSample } from "../../../../shared/domain/spread-sample.ts";

test("a sample has as many rows as asked, each once, all of them rows of the dataset; or all rows there are", () => {
  fc.assert(
    fc.property(fc.nat({ max: 400 }), fc.integer({ min: 1, max: 300 }), (total, wanted) => {
      const found = spreadSample(total, wanted).flatMap(({ rowStart, rowEnd }) =>
        Array.from({ length: rowEnd - rowStart }, (_, index) => rowStart + index),
      );
      expect(found).toHaveLength(Math.min(total, wanted));
      expect(found).toEqual([...new Set(found)].sort((a, b) => a - b));
      expect(found.every((row) => row >= 0 && row < total)).toBe(true);
    }),
    { examples: [[163, 162]] },
  );
});

test("it comes from all over the dataset", () => {
  const starts = spreadSample(100_000, 256).map(({ rowStart }) => rowStart);
  expect(starts).toEqual([0, 12_500, 25_000, 37_500, 50_000, 62_500, 75_000, 87_500]);
});
