import { expect, test } from "vitest";
import { checkSort } from "../../../../coordinator/plan/check-sort.ts";
import { isShardmillError, type Problem } from "../../../../shared/core/errors.ts";
import type { JobSpec } from "../../../../shared/domain/job-spec.ts";
import { shardId } from "../../../../shared/domain/shard.ts";

interface Told {
  readonly rows: number;
  readonly rowBytes?: number;
  readonly shardRows?: number | "auto";
  readonly output?: Partial<JobSpec["output"]>;
}

const SORT = [{ column: "id", order: "ascending" }] as const;

function problemsOf({ rows, rowBytes = 8, shardRows = "auto", output = {} }: Told): readonly Problem[] {
  const job = {
    input: { path: "/in", format: "parquet", shardRows },
    output: { path: "/out", rows: "parquet", sort: SORT, ...output },
  } as unknown as Pick<JobSpec, "input" | "output">;
  const shards = [10, rows].map((own, at) => ({ id: shardId(at), rowStart: 0, rowEnd: own }));
  try {
    checkSort(job, shards, rowBytes);
    return [];
  } catch (error) {
    if (isShardmillError(error, "SPEC_INVALID")) return error.problems;
    throw error;
  }
}

test("shards of a usual length are accepted for a sort, whatever the size of their rows", () => {
  expect(problemsOf({ rows: 1_500_000 })).toEqual([]);
  expect(problemsOf({ rows: 1_000, rowBytes: 400_000 })).toEqual([]);
});

test("a shard that is too large to sort in memory is refused, with the number of rows that fits", () => {
  const [problem] = problemsOf({ rows: 20_000_000, shardRows: 20_000_000 });
  expect(problem).toMatchObject({
    where: "input.shardRows",
    expected: "at most 2.0 GiB",
    found: expect.stringMatching(/about 5\.\d* GiB/),
  });
  const [, most = ""] = /to ([\d,]+) at most/.exec(problem?.hint ?? "") ?? [];
  const rows = Number(most.replaceAll(",", ""));
  expect(problemsOf({ rows, shardRows: rows })).toEqual([]);
  expect(problemsOf({ rows: rows + 10, shardRows: rows + 10 })).toHaveLength(1);
  expect(problemsOf({ rows: 1_000, rowBytes: 2 << 20 })).toMatchObject([{ where: "output.sort" }]);
  expect(problemsOf({ rows: 20_000_000, output: { sort: undefined } as never })).toEqual([]);
});

test("files that are too large for one sort are refused, by their bytes or by their rows", () => {
  expect(problemsOf({ rows: 10, output: { fileRows: 1_000_000 } })).toEqual([]);
  expect(problemsOf({ rows: 10, output: { fileRows: 5_000_000 } })).toMatchObject([
    { where: "output.fileRows", expected: expect.stringContaining("4,194,304 rows") },
  ]);
  expect(problemsOf({ rows: 10, rowBytes: 2_048, output: { fileRows: 200_000 } })).toMatchObject([
    { where: "output.fileRows", expected: expect.stringContaining("131,072 rows") },
  ]);
});
