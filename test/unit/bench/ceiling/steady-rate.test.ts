import { describe, expect, test } from "vitest";
import { addedUp, runPhases } from "../../../../bench/ceiling/steady-rate.ts";

describe("the phases of a run", () => {
  test("the steady part is from the first completion to the last but one, in any order given", () => {
    const completions = [
      { atMs: 9_000, rows: 40 },
      { atMs: 3_000, rows: 10 },
      { atMs: 7_000, rows: 30 },
      { atMs: 5_000, rows: 20 },
    ];
    expect(runPhases(completions, { startMs: 1_000, endMs: 10_000 })).toEqual({
      startSeconds: 2,
      steadyRows: 50,
      rowsPerSecond: 12.5,
      tailSeconds: 3,
      wholeSeconds: 9,
    });
  });

  test("a run of fewer than four shards has no steady part", () => {
    const completions = [1, 2, 3].map((atMs) => ({ atMs, rows: 1 }));
    expect(() => runPhases(completions, { startMs: 0, endMs: 4 })).toThrow(/4 shards/);
  });

  test("the rates of consecutive stages combine as their times add up", () => {
    expect(addedUp([30, 30, 30])).toBeCloseTo(10, 9);
    expect(addedUp([20, 5])).toBeCloseTo(4, 9);
    expect(addedUp([10, Number.POSITIVE_INFINITY])).toBeCloseTo(10, 9);
  });
});
