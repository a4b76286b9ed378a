import { describe, expect, test } from "vitest";
import { OutputComparison } from "../../../../worker/accuracy/output-comparison.ts";

type Row = readonly number[];

function compared(rows: readonly (readonly [Row, Row])[], whole = false) {
  const comparison = new OutputComparison({ tensor: "y", ranked: true, whole });
  for (const [original, converted] of rows) comparison.add(original, converted);
  return comparison.finish();
}

test("equal rows have no error, a cosine of one, and agree", () => {
  expect(
    compared([
      [
        [1, 2],
        [1, 2],
      ],
      [
        [0, 0],
        [0, 0],
      ],
    ]),
  ).toEqual({
    tensor: "y",
    maxError: 0,
    meanError: 0,
    meanCosine: 1,
    leastCosine: 1,
    agreement: 1,
    ranked: true,
    notFiniteRows: 0,
  });
});

test("errors are of values, cosines and agreement of rows", () => {
  const found = compared([
    [
      [3, 4],
      [4, 3],
    ],
    [
      [1, 0],
      [1, 0],
    ],
  ]);
  expect(found).toMatchObject({ maxError: 1, meanError: 0.5, agreement: 0.5 });
  expect(found.leastCosine).toBeCloseTo(24 / 25, 12);
  expect(found.meanCosine).toBeCloseTo((24 / 25 + 1) / 2, 12);
});

test("rows of one value are one vector together, and have no order to agree on", () => {
  const found = compared([
    [[3], [4]],
    [[4], [3]],
  ]);
  expect(found.agreement).toBeNull();
  expect(found.meanCosine).toBeCloseTo(24 / 25, 12);
});

test("a vector of zeros beside another one is unlike it", () => {
  expect(
    compared([
      [
        [1, 1],
        [0, 0],
      ],
    ]).meanCosine,
  ).toBe(0);
});

test("whole numbers are equal or not", () => {
  const rows = [
    [[3], [3]],
    [[4], [5]],
  ] as const;
  expect(compared(rows, true)).toMatchObject({ agreement: 0.5, meanCosine: null, leastCosine: null });
});

describe("numbers that are none", () => {
  test.each([Number.NaN, Number.POSITIVE_INFINITY])("%f where the original has a number counts", (bad) => {
    expect(
      compared([
        [
          [1, 2],
          [bad, 2],
        ],
        [
          [1, 2],
          [1, 2],
        ],
      ]),
    ).toMatchObject({ notFiniteRows: 1, maxError: 0 });
  });

  test("what the original has none for counts for nothing", () => {
    const row = [Number.NEGATIVE_INFINITY, 1, 2];
    expect(
      compared([
        [row, [-65_504, 1, 2]],
        [row, row],
      ]),
    ).toMatchObject({
      notFiniteRows: 0,
      maxError: 0,
      meanCosine: 1,
      agreement: 1,
    });
  });
});
