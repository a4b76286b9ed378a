import { expect, test } from "vitest";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import type { LeaseSlice } from "../../../../shared/domain/job.ts";
import { shardId } from "../../../../shared/domain/shard.ts";
import { stepFailedAt } from "../../../../worker/steps/step-failed-at.ts";

const slice = (path: string, rowStart: number, rowEnd: number) =>
  ({ file: { path }, rowStart, rowEnd }) as LeaseSlice;

/** Lease of ten rows of a file, and ten of the next. */
const lease = {
  shard: { id: shardId(3), rowStart: 90, rowEnd: 110 },
  slices: [slice("a.parquet", 90, 100), slice("b.parquet", 0, 10)],
};

test("the error of a step names its rows and their file, and keeps its code, fields and hint", () => {
  const error = new ShardmillError("SQL_FAILED", "map.finish[0].sql failed: out of range", {
    fields: { where: "map.finish[0].sql" },
    hint: "cast it first",
  });
  expect(stepFailedAt(error, lease, 2, 8)).toMatchObject({
    code: "SQL_FAILED",
    message: "map.finish[0].sql failed: out of range (in rows 92 to 97 of a.parquet)",
    fields: { where: "map.finish[0].sql", shard: 3, path: "a.parquet", rowStart: 92 },
    hint: "cast it first",
  });
  expect(String(stepFailedAt(error, lease, 8, 12))).toContain(
    "(in row 98 of a.parquet to row 1 of b.parquet)",
  );
});

test("an error that is not the step's own is returned unchanged", () => {
  const stopped = new ShardmillError("INTERRUPTED", "the shard is abandoned");
  expect(stepFailedAt(stopped, lease, 0, 5)).toBe(stopped);
  const reason = new Error("lost");
  expect(stepFailedAt(reason, lease, 0, 5)).toBe(reason);
});
