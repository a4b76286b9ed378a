import { expect, test } from "vitest";
import { rateOf, rateOfWhole, whenDone } from "../../../extensions/estimate/rate.ts";
import type { Mark } from "../../../extensions/estimate/sample-protocol.ts";

test("evenly spaced marks give their exact rate with no error", () => {
  const rate = rateOf([0, 1, 2, 3, 4, 5].map((at) => [100 * at + 50, 1_000 * at] as const));
  expect(rate?.rowsPerSecond).toBeCloseTo(10_000);
  expect(rate?.error).toBeCloseTo(0);
});

test("uneven marks change the rate by at most twice the reported error", () => {
  const late = [0, 60, 20, 90, 10, 70, 30, 80, 0, 50];
  const marks = late.map((ms, at): Mark => [100 * at + ms, 1_000 * at]);
  const rate = rateOf(marks);
  expect(Math.abs((rate?.rowsPerSecond ?? 0) / 10_000 - 1)).toBeLessThan(2 * (rate?.error ?? 0));
  expect(rate?.error).toBeGreaterThan(0.005);
  expect(rate?.error).toBeLessThan(0.1);
});

test("too few marks, or marks without progress, give no rate", () => {
  expect(
    rateOf([
      [0, 0],
      [1, 1],
      [2, 2],
      [3, 3],
    ]),
  ).toBeNull();
  expect(rateOf([0, 1, 2, 3, 4, 5].map((at) => [at, 7] as const))).toBeNull();
});

test("the end of a job is interpolated between marks and extrapolated at full speed after them", () => {
  const marks: Mark[] = [
    [500, 0],
    [700, 100],
    [800, 300],
  ];
  expect(whenDone(marks, 0, 2_000)).toBe(500);
  expect(whenDone(marks, 50, 2_000)).toBe(600);
  expect(whenDone(marks, 200, 2_000)).toBe(750);
  expect(whenDone(marks, 300, 2_000)).toBe(800);
  expect(whenDone(marks, 1_300, 2_000)).toBe(1_300);
});

test("whole shards give the mean rate even when their first rows are much slower", () => {
  // Each shard has 100 rows at 20 ms, then 100 at 10, then 300 at 1.
  const shard: readonly Mark[] = [50, 100, 150, 200, 500].map((rows) => [
    20 * Math.min(rows, 100) + 10 * Math.min(Math.max(rows - 100, 0), 100) + Math.max(rows - 200, 0),
    rows,
  ]);
  const next = shard.map(([atMs, rows]): Mark => [atMs + 3_300, rows + 500]);
  const marks: Mark[] = [[0, 0], ...shard, ...next];
  expect(rateOfWhole(marks)?.rowsPerSecond).toBeCloseTo(1_000 / 6.6);
  // A line through the marks of a single shard gives too much weight to clustered marks.
  expect(rateOf(marks.slice(0, 6))?.rowsPerSecond).not.toBeCloseTo(1_000 / 6.6, 0);
  expect(rateOfWhole(marks.slice(0, 6))?.rowsPerSecond).toBeCloseTo(1_000 / 6.6);
});
