import fc from "fast-check";
import { expect, test } from "vitest";
import { FixedRuns } from "../../../../worker/batch/fixed-runs.ts";

/** Returns the requested numbers of model batches, for a model whose run takes `runMs`. */
function drive(runs: FixedRuns, batchRows: number, runMs: number, mostRows = 1e6): number[] {
  return Array.from({ length: 60 }, () => {
    const rows = runs.nextRows(null, mostRows);
    runs.observe({ rows, length: null }, (rows / batchRows) * runMs);
    return rows / batchRows;
  });
}

test("the search starts with one run, and ends at what takes about ten milliseconds, at most 256 runs", () => {
  const ends = [0.001, 0.02, 0.1, 1, 4, 30].map((runMs) => drive(new FixedRuns(1), 1, runMs));
  expect(ends.map((sizes) => sizes[0])).toEqual([1, 1, 1, 1, 1, 1]);
  expect(ends.map((sizes) => sizes.at(-1))).toEqual([256, 256, 128, 8, 2, 1]);
});

test("a batch is always a whole number of runs, at least one, within the given limit", () => {
  const step = fc.record({
    runMs: fc.double({ min: 0, max: 1e4, noNaN: true }),
    length: fc.integer({ min: 1, max: 512 }),
    mostRows: fc.integer({ min: 1, max: 1e6 }),
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000 }), fc.array(step, { maxLength: 40 }), (batchRows, steps) => {
      const runs = new FixedRuns(batchRows);
      for (const { runMs, length, mostRows } of steps) {
        const rows = runs.nextRows(length, mostRows);
        expect(rows % batchRows).toBe(0);
        expect(rows).toBeGreaterThanOrEqual(batchRows);
        expect(rows).toBeLessThanOrEqual(Math.max(batchRows, Math.min(mostRows, 256 * batchRows)));
        runs.observe({ rows, length }, runMs);
      }
    }),
  );
});

test("one slow run reduces the batch only for a short time", () => {
  const runs = new FixedRuns(8);
  drive(runs, 8, 0.1);
  runs.observe({ rows: 512, length: null }, 2_000);
  expect(runs.nextRows(null, 1e6)).toBeLessThan(80);
  expect(drive(runs, 8, 0.1).at(-1)).toBe(128);
});

test("a part of a run, such as the rest of a shard, does not count", () => {
  const runs = new FixedRuns(2_048);
  drive(runs, 2_048, 1);
  for (let index = 0; index < 100; index += 1) runs.observe({ rows: 1, length: null }, 0.001);
  expect(runs.nextRows(null, 1e9)).toBe(8 * 2_048);
});
