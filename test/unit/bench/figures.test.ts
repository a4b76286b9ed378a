import { describe, expect, test } from "vitest";
import { slope } from "../../../bench/load/process-sample.ts";
import { addedPercent, median, quantile } from "../../../bench/report/report.ts";

describe("the figures of a bench", () => {
  test("the median is the middle value, or the mean of the two in the middle", () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeNaN();
  });

  test("a quantile is a measured value, and the highest one for a share of 1", () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect([quantile(values, 0.5), quantile(values, 0.99), quantile(values, 1)]).toEqual([51, 100, 100]);
    expect(quantile([], 0.5)).toBeNaN();
  });

  test("the added percent is relative to the base", () => {
    expect(addedPercent(11, 10)).toBe(10);
    expect(addedPercent(5, 10)).toBe(-50);
  });

  test("the slope of points on a line is the slope of the line", () => {
    expect(slope([0, 1, 5, 7].map((x) => [x, 3 - 2 * x]))).toBeCloseTo(-2, 9);
  });
});
