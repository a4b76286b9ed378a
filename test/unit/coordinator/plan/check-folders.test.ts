import { expect, test } from "vitest";
import { checkFolders } from "../../../../coordinator/plan/check-folders.ts";
import { isShardmillError, type Problem } from "../../../../shared/core/errors.ts";
import type { ColumnStatistics } from "../../../../shared/domain/column-statistics.ts";
import type { Field } from "../../../../shared/domain/dataset.ts";
import type { JobSpec } from "../../../../shared/domain/job-spec.ts";
import type { StepBinding } from "../../../../shared/domain/step-binding.ts";

const KEEP: readonly Field[] = [
  { name: "id", type: { kind: "numeric", type: "int64" }, nullable: true },
  { name: "user", type: { kind: "string" }, nullable: true },
];
const STEP: StepBinding = {
  where: "map.finish[0]",
  op: { kind: "sql", select: "SELECT * FROM rows", named: [] },
  files: [],
  reads: [],
  columns: [],
};

interface Told {
  readonly partitionBy?: readonly string[];
  readonly input?: Partial<JobSpec["input"]>;
  readonly maxRows?: number;
  readonly finish?: readonly StepBinding[];
  /** Statistics of a column by row group. */
  readonly groups?: readonly (Partial<ColumnStatistics> & { readonly rows?: number })[];
  readonly column?: string;
}

function problemsOf(knownDistinct: Told): readonly Problem[] {
  const {
    partitionBy = ["id"],
    input = {},
    maxRows = 0,
    finish = [],
    groups = [],
    column = "id",
  } = knownDistinct;
  const job = {
    input: { path: "/in", format: "parquet", shardRows: "auto", ...input },
    output: { path: "/out", rows: "parquet", partitionBy },
    errors: { maxRows },
  } as Pick<JobSpec, "input" | "output" | "errors">;
  const file = {
    rowGroups: groups.map(({ rows = 100_000 }) => ({ rows, bytes: 1 })),
    statistics: groups.map(({ rows: _, ...own }) => ({
      [column]: { least: null, greatest: null, nulls: null, ...own },
    })),
  };
  try {
    checkFolders(job, { keep: KEEP, prepare: [], finish }, [file]);
    return [];
  } catch (error) {
    if (isShardmillError(error, "SPEC_INVALID")) return error.problems;
    throw error;
  }
}

const numbers = (count: number, step: number, width: number) =>
  Array.from({ length: count }, (_, at) => ({ least: `${at * step}`, greatest: `${at * step + width}` }));

test("a row group with too many distinct values is a problem with its key and a hint", () => {
  const [problem, ...more] = problemsOf({ groups: [{ distinct: 5 }, { distinct: 12_345 }] });
  expect(more).toEqual([]);
  expect(problem).toMatchObject({
    where: "output.partitionBy[0]",
    expected: "at most 10,000",
    found: "at least 12,345, as the input's files say",
    hint: expect.stringContaining("map.finish"),
  });
  expect(problemsOf({ groups: [{ distinct: 10_000 }] })).toEqual([]);
});

test("row groups with separate ranges have a value each, and overlapping ranges may share one", () => {
  expect(problemsOf({ groups: numbers(10_001, 2, 1) })).toHaveLength(1);
  expect(problemsOf({ groups: numbers(10_000, 2, 1) })).toEqual([]);
  expect(problemsOf({ groups: numbers(10_001, 1, 1) })).toEqual([]);
  // 0 to 9, then 5 to 14: the first and the last of each three do not overlap.
  expect(problemsOf({ groups: numbers(20_002, 5, 9) })).toHaveLength(1);
  expect(problemsOf({ groups: numbers(20_000, 5, 9) })).toEqual([]);
  // Numbers are compared by value, not as text. A group without rows has no value.
  expect(problemsOf({ groups: [...numbers(9_999, 1, 0), { least: "-5", greatest: "9998" }] })).toEqual([]);
  expect(problemsOf({ groups: numbers(10_001, 1, 0).map((own) => ({ ...own, rows: 0 })) })).toEqual([]);
});

test("texts are compared as texts, and only columns that name folders are counted", () => {
  const groups = Array.from({ length: 10_001 }, (_, at) => {
    const text = String(at).padStart(5, "0");
    return { least: text, greatest: `${text}x` };
  });
  expect(problemsOf({ groups, column: "user", partitionBy: ["id", "user"] })).toMatchObject([
    { where: "output.partitionBy[1]" },
  ]);
  expect(problemsOf({ groups, column: "user" })).toEqual([]);
});

test("texts beyond the basic plane are compared in the order of their bytes", () => {
  // A wide A is EF BC A1 and 0xFF21, a grin F0 9F 98 80 and 0xD83D 0xDE00.
  const count = 10_001;
  const pad = (at: number) => String(at).padStart(5, "0");
  const overlapping = Array.from({ length: count }, (_, at) => ({ least: "Ａ", greatest: `😀${pad(at)}` }));
  const apart = Array.from({ length: count }, (_, at) => ({
    least: `Ａ${pad(at)}`,
    greatest: `Ａ${pad(at)}😀`,
  }));
  const last = { least: `Ａ${pad(count - 1)}`, greatest: "😀" };
  const knownDistinct = { column: "user", partitionBy: ["user"] };
  expect(problemsOf({ ...knownDistinct, groups: overlapping })).toEqual([]);
  expect(problemsOf({ ...knownDistinct, groups: [...apart.slice(0, -1), last] })).toHaveLength(1);
});

test("statistics are ignored if rows may be filtered, skipped, dead-lettered or changed by a step", () => {
  const groups = [{ distinct: 12_000 }];
  expect(problemsOf({ groups, maxRows: 1_999 })).toHaveLength(1);
  expect(problemsOf({ groups, maxRows: 2_000 })).toEqual([]);
  expect(problemsOf({ groups, input: { where: "id > 3" } })).toEqual([]);
  expect(problemsOf({ groups, input: { limit: 100 } })).toEqual([]);
  expect(problemsOf({ groups, input: { sample: { share: 0.1, seed: 1 } } })).toEqual([]);
  expect(problemsOf({ groups, finish: [STEP] })).toEqual([]);
});
