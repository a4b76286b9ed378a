import fc from "fast-check";
import { expect, test } from "vitest";
import type { InputFile } from "../../../../shared/domain/dataset.ts";
import type { PlannedJob } from "../../../../shared/domain/job.ts";
import { parseLocation } from "../../../../shared/domain/location.ts";
import { sampleSlices } from "../../../../shared/domain/sample-slices.ts";
import { aDigest } from "../../../support/ids.ts";

/** Returns a dataset whose files have these numbers of rows. */
function aDataset(...rows: number[]): Pick<PlannedJob, "dataset" | "pruned" | "skipped"> {
  const files = rows.map(
    (count, at): InputFile => ({
      path: parseLocation(`/${at}.parquet`),
      format: "parquet",
      bytes: 1,
      version: "1",
      rows: count,
      footerSha256: aDigest(""),
    }),
  );
  return { dataset: { files, fields: [], digest: aDigest("") }, pruned: [], skipped: [] };
}

test("a sample has the requested number of distinct rows of the dataset, or all rows if there are fewer", () => {
  fc.assert(
    fc.property(fc.nat({ max: 400 }), fc.integer({ min: 1, max: 300 }), (total, wanted) => {
      const found = sampleSlices(aDataset(total), wanted).flatMap(({ rowStart, rowEnd }) =>
        Array.from({ length: rowEnd - rowStart }, (_, index) => rowStart + index),
      );
      expect(found).toHaveLength(Math.min(total, wanted));
      expect(found).toEqual([...new Set(found)].sort((a, b) => a - b));
      expect(found.every((row) => row >= 0 && row < total)).toBe(true);
    }),
    { examples: [[163, 162]] },
  );
});

test("a sample is spread over the whole dataset, file by file", () => {
  const starts = (...rows: number[]) =>
    sampleSlices(aDataset(...rows), 256).map(({ file, rowStart }) => [file.path, rowStart]);
  expect(starts(100_000).map(([, start]) => start)).toEqual([
    0, 12_500, 25_000, 37_500, 50_000, 62_500, 75_000, 87_500,
  ]);
  expect(starts(10, 20)).toEqual([
    ["/0.parquet", 0],
    ["/1.parquet", 0],
  ]);
  expect(starts(0)).toEqual([]);
});
