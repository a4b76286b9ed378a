import { expect, test } from "vitest";
import { cutBytes, truncatedOf } from "../../../extensions/estimate/sample-figures.ts";
import type { PlannedJob } from "../../../shared/domain/job.ts";
import type { PartialManifest } from "../../../shared/domain/partial.ts";
import { shardId } from "../../../shared/domain/shard.ts";

/** Plan of one shard with 10,000 rows, of which the sample has run 1,000. A row has 10 floats. */
const PLAN = {
  shards: [{ id: shardId(0), rowStart: 0, rowEnd: 10_000 }],
  map: { keep: [], outputs: [{ rowValues: 10, dtype: "float32" }] },
} as unknown as PlannedJob;

function runOf(rowsOut: number, rowsTruncated = 0) {
  const partials = [{ rowsIn: 1_000, rowsMapped: 900, rowsOut, rowsTruncated } as PartialManifest];
  return {
    result: { peakBytes: 0, busy: [], partials, positions: { run: 0, padded: 0 }, deviceReport: null },
  };
}

test("the memory for the rest of a cut shard is predicted from its share of output rows", () => {
  const bytesOf = (rowsOut: number) => cutBytes(PLAN, [runOf(rowsOut)], 3);
  expect(bytesOf(1_000)).toBe(9_000 * 40 * 3);
  // A condition that drops nine rows in ten, and a step that doubles each row.
  expect(bytesOf(100)).toBe(900 * 40 * 3);
  expect(bytesOf(2_000)).toBe(18_000 * 40 * 3);
});

test("rows with a truncated text are counted over all runs of a sample, out of the mapped rows", () => {
  expect(truncatedOf([runOf(1_000, 20), runOf(1_000), runOf(1_000, 5)])).toEqual({ rows: 25, ofRows: 2_700 });
  expect(truncatedOf([runOf(1_000)])).toBeNull();
});
