import { describe, expect, test } from "vitest";
import { precisionRefusal } from "../../../extensions/convert/check/judge-precision.ts";
import type { AccuracyReport, OutputAccuracy } from "../../../shared/domain/accuracy.ts";

const GOOD: OutputAccuracy = {
  tensor: "y",
  maxError: 0.1,
  meanError: 0.01,
  maxRelative: 0.01,
  beyondRows: 0,
  worst: [],
  meanCosine: 0.995,
  leastCosine: 0.9,
  agreement: 0.99,
  ranked: true,
  notFiniteRows: 0,
};

function judged(changes: Partial<OutputAccuracy>, report: Partial<AccuracyReport> = {}): () => void {
  return () => {
    const refusal = precisionRefusal("int8", {
      rows: 256,
      failedRows: 0,
      seconds: 1,
      tolerance: 0.05,
      maxBeyond: 0.01,
      outputs: [{ ...GOOD, ...changes }],
      minCosine: 0.99,
      minAgreement: 0.98,
      ...report,
    });
    if (refusal !== null) throw refusal;
  };
}

const lossAt = (where: string) =>
  expect.objectContaining({ code: "CONVERSION_LOSS", problems: [expect.objectContaining({ where })] });

describe("an accepted precision", () => {
  test.each<[string, Partial<OutputAccuracy>]>([
    ["figures at the limits are accepted", { meanCosine: 0.99, agreement: 0.98 }],
    ["another greatest value is accepted where outputs are not ranked", { ranked: false, agreement: 0.1 }],
    [
      "equal whole numbers are accepted",
      { meanCosine: null, leastCosine: null, ranked: false, agreement: 1 },
    ],
    ["outputs of one value per row are accepted", { agreement: null }],
  ])("%s", (_what, changes) => {
    expect(judged(changes)).not.toThrow();
  });
});

describe("a refused precision", () => {
  test.each<[string, Partial<OutputAccuracy>]>([
    ["a mean cosine below its limit is refused", { meanCosine: 0.9899 }],
    ["a cosine that is not a number is refused", { meanCosine: Number.NaN }],
    ["an agreement on classes below its limit is refused", { agreement: 0.97 }],
    [
      "an agreement on whole numbers below its limit is refused",
      { meanCosine: null, ranked: false, agreement: 0.97 },
    ],
    ["values that are not finite are refused", { notFiniteRows: 1 }],
  ])("%s", (_what, changes) => {
    expect(judged(changes)).toThrow(lossAt("y"));
  });

  test("a model that fails on rows of the original model is refused", () => {
    expect(judged({}, { failedRows: 1 })).toThrow(lossAt("model"));
  });
});

test("too many outlier rows fail a model with good means, and the worst row is named", () => {
  const worst = [{ file: "a.parquet", row: 617, index: 0, expected: "317", found: "2337", relative: 6.4 }];
  expect(judged({ beyondRows: 3, worst })).toThrow(
    expect.objectContaining({
      code: "CONVERSION_LOSS",
      problems: [
        expect.objectContaining({
          where: "y",
          what: "rows differ too much",
          found: "3 of 256 rows; row 617 of a.parquet, value 0: 2337 instead of 317",
        }),
      ],
    }),
  );
  expect(judged({ beyondRows: 2, worst })).not.toThrow();
  expect(judged({ beyondRows: 1, worst }, { maxBeyond: 0 })).toThrow();
  expect(judged({ beyondRows: 200, worst, meanCosine: null, leastCosine: null, agreement: 1 })).not.toThrow();
});
