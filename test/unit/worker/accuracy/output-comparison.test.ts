import { describe, expect, test } from "vitest";
import { OutputComparison } from "../../../../worker/accuracy/output-comparison.ts";

type Row = readonly number[];

function compared(rows: readonly (readonly [Row, Row])[], whole = false, tolerance = 0.01) {
  const comparison = new OutputComparison({ tensor: "y", ranked: true, whole });
  for (const [row, [original, converted]] of rows.entries()) {
    comparison.add(original, converted, { file: "f", row });
  }
  return comparison.finish(tolerance);
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
    maxRelative: 0,
    beyondRows: 0,
    worst: [],
    meanCosine: 1,
    leastCosine: 1,
    agreement: 1,
    ranked: true,
    notFiniteRows: 0,
  });
});

test("errors are computed over values, and cosines and agreement over rows", () => {
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

test("rows of one value are compared as one vector, and have no agreement", () => {
  const found = compared([
    [[3], [4]],
    [[4], [3]],
  ]);
  expect(found.agreement).toBeNull();
  expect(found.meanCosine).toBeCloseTo(24 / 25, 12);
});

test("a vector of zeros has a cosine of 0 with a vector of other values", () => {
  expect(
    compared([
      [
        [1, 1],
        [0, 0],
      ],
    ]).meanCosine,
  ).toBe(0);
});

test("whole numbers are compared by equality, without cosines", () => {
  const rows = [
    [[3], [3]],
    [[4], [5]],
  ] as const;
  expect(compared(rows, true)).toMatchObject({ agreement: 0.5, meanCosine: null, leastCosine: null });
});

describe("infinite, NaN and very large values", () => {
  test.each([Number.NaN, Number.POSITIVE_INFINITY])(
    "%f counts as not finite where the original has a number",
    (bad) => {
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
    },
  );

  test("a value is ignored where the original is not finite", () => {
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

  test.each([
    ["NaN first", [Number.NaN, 1, 2]],
    ["NaN last", [1, 2, Number.NaN]],
    ["NaN alone", [Number.NaN, Number.NaN]],
    ["an infinity", [1, Number.POSITIVE_INFINITY, 2]],
    ["negative infinity alone", [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]],
  ])("a row with %s agrees with itself", (_what, row) => {
    expect(compared([[row, row]])).toMatchObject({ agreement: 1, meanCosine: 1, beyondRows: 0 });
  });

  test("a mask value close to infinity does not hide errors in the other values", () => {
    const masked = -3.4e38;
    const found = compared([
      [
        [1, 2, masked],
        [2, 1, masked],
      ],
    ]);
    expect(found).toMatchObject({ agreement: 0, beyondRows: 1 });
    expect(found.meanCosine).toBeCloseTo(4 / 5, 12);
  });

  test("a mask value that differs counts as an error of its row", () => {
    const rows = [
      [
        [1, -3.4e38],
        [1, 7],
      ],
    ] as const;
    expect(compared(rows)).toMatchObject({ beyondRows: 1, maxRelative: 1 });
  });

  test("values too large to be squared are compared relative to their own size", () => {
    const row = [1e200, -1e300];
    expect(compared([[row, row]])).toMatchObject({ meanCosine: 1, beyondRows: 0 });
    expect(compared([[row, [1e200, -2e300]]])).toMatchObject({ beyondRows: 1 });
  });
});

test("a row of values close to zero counts as equal to a row of zeros", () => {
  const rows = [
    [
      [1, 0],
      [1, 0],
    ],
    [
      [0, 0],
      [1e-9, 0],
    ],
  ] as const;
  expect(compared(rows)).toMatchObject({ leastCosine: 1, beyondRows: 0 });
});

describe("the size of an error", () => {
  test("is relative to the value, or to the tensor's root mean square where the value is smaller", () => {
    // The root mean square of all six is 10.
    const a = Math.sqrt(600 - 4);
    const found = compared([
      [
        [a, 0, 0],
        [a * 1.001, 0, 0],
      ],
      [
        [2, 0, 0],
        [2, 0.02, 0],
      ],
    ]);
    expect(found.maxRelative).toBeCloseTo(0.002, 9);
    expect(found.beyondRows).toBe(0);
    expect(found.worst.map(({ row, index }) => [row, index])).toEqual([
      [1, 1],
      [0, 0],
    ]);
  });

  test("shows one wrong row among a thousand with its place, where the cosine shows little", () => {
    const pitches = Array.from({ length: 1_000 }, (_, row) => 100 + (row % 400));
    const rows = pitches.map((pitch, row) => [[pitch], [row === 617 ? pitch + 2_020 : pitch]] as const);
    const found = compared(rows);
    expect(found.meanCosine).toBeGreaterThan(0.97);
    expect(found).toMatchObject({
      agreement: null,
      beyondRows: 1,
      worst: [{ file: "f", row: 617, index: 0, expected: "317", found: "2337" }],
    });
  });

  test("is missing for a value that is not finite, whose row is the worst", () => {
    const found = compared([
      [
        [1, 2],
        [1.5, 2],
      ],
      [
        [1, 2],
        [1, Number.NaN],
      ],
    ]);
    expect(found).toMatchObject({ maxRelative: null, beyondRows: 2, notFiniteRows: 1 });
    expect(found.worst[0]).toEqual({
      file: "f",
      row: 1,
      index: 1,
      expected: "2",
      found: "NaN",
      relative: null,
    });
  });
});

test("a near-tie counts as agreement, and a clear winner that loses as disagreement", () => {
  const tie = [
    [0.4, 0.402, 0.1],
    [0.4, 0.399, 0.1],
  ] as const;
  const clear = [
    [0.4, 0.5, 0.1],
    [0.5, 0.4, 0.1],
  ] as const;
  expect(compared([tie, clear]).agreement).toBe(0.5);
  // For any tolerance, a tie differs by at most a hundredth of the value.
  expect(compared([tie, clear], false, 10).agreement).toBe(0.5);
  expect(compared([tie, clear], false, 0).agreement).toBe(0);
});
