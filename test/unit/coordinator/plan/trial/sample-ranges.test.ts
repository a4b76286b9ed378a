import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  firstRows,
  type RowRange,
  sampleRanges,
} from "../../../../../coordinator/plan/trial/sample-ranges.ts";

const rowsOf = (ranges: readonly RowRange[]) => ranges.reduce((sum, { start, end }) => sum + end - start, 0);
const options = fc.record({
  share: fc.double({ min: 0.0001, max: 1, noNaN: true }),
  seed: fc.nat(),
});

describe("a sample", () => {
  test("a sample has the size of its share, in order, without duplicates, in a limited number of stretches", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 1e12 })),
        fc.integer({ min: 1, max: 200 }),
        options,
        (total, groups, sample) => {
          const ranges = sampleRanges(total, groups, sample);
          expect(rowsOf(ranges)).toBe(Math.min(total, Math.max(1, Math.round(total * sample.share))));
          let last = 0;
          for (const { start, end } of ranges) {
            expect(start).toBeGreaterThanOrEqual(last);
            expect(end).toBeGreaterThan(start);
            last = end;
          }
          expect(last).toBeLessThanOrEqual(total);
          expect(ranges.length).toBeLessThanOrEqual(Math.max(8, groups) + 1);
        },
      ),
    );
  });

  test("a sample contains every row with equal probability", () => {
    const [total, seeds] = [40, 4_000];
    for (const [share, groups] of [
      [0.1, 2],
      [0.5, 20],
      [0.95, 3],
    ] as const) {
      const taken = new Array<number>(total).fill(0);
      for (let seed = 0; seed < seeds; seed += 1) {
        for (const { start, end } of sampleRanges(total, groups, { share, seed }))
          for (let row = start; row < end; row += 1) taken[row] = (taken[row] ?? 0) + 1;
      }
      const deviation = Math.sqrt(seeds * share * (1 - share));
      for (const count of taken) expect(Math.abs(count - seeds * share)).toBeLessThan(5 * deviation);
    }
  });

  test("a sample depends on its seed, and is the same again for the same seed", () => {
    const of = (seed: number) => sampleRanges(1e6, 10, { share: 0.01, seed });
    expect(of(1)).toEqual(of(1));
    expect(of(1)).not.toEqual(of(2));
    // A seed's rows are part of a job, so later versions must take the same.
    expect(of(0)).toMatchInlineSnapshot(`
      [
        {
          "end": 134344,
          "start": 133094,
        },
        {
          "end": 213710,
          "start": 212460,
        },
        {
          "end": 373130,
          "start": 371880,
        },
        {
          "end": 537609,
          "start": 536359,
        },
        {
          "end": 621089,
          "start": 619839,
        },
        {
          "end": 742025,
          "start": 740775,
        },
        {
          "end": 932951,
          "start": 931701,
        },
        {
          "end": 964029,
          "start": 962779,
        },
      ]
    `);
  });

  test("a sample uses few of many row groups", () => {
    const [total, groups] = [1_000_000, 1_000];
    const touched = new Set(
      sampleRanges(total, groups, { share: 0.01, seed: 3 }).flatMap(({ start, end }) => [
        Math.floor(start / 1_000),
        Math.floor((end - 1) / 1_000),
      ]),
    );
    expect(touched.size).toBeGreaterThan(40);
    expect(touched.size).toBeLessThan(170);
  });

  test("a sample of no rows is empty", () => {
    expect(sampleRanges(0, 0, { share: 0.5, seed: 0 })).toEqual([]);
  });
});

test("the first rows of ranges end where the limit is reached", () => {
  const ranges = [
    { start: 0, end: 5 },
    { start: 10, end: 20 },
    { start: 30, end: 31 },
  ];
  expect(firstRows(ranges, 7)).toEqual([
    { start: 0, end: 5 },
    { start: 10, end: 12 },
  ]);
  expect(firstRows(ranges, 5)).toEqual([{ start: 0, end: 5 }]);
  expect(firstRows(ranges, 100)).toEqual(ranges);
});
