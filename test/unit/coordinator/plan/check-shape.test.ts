import { expect, test } from "vitest";
import { checkShape } from "../../../../coordinator/plan/check-shape.ts";
import { isShardmillError, type Problem } from "../../../../shared/core/errors.ts";
import type { Field } from "../../../../shared/domain/dataset.ts";
import type { JobSpec } from "../../../../shared/domain/job-spec.ts";
import type { SortKey } from "../../../../shared/domain/rows-form.ts";

const FIELDS: readonly Field[] = [
  { name: "day", type: { kind: "date", unit: "day" }, nullable: true },
  { name: "score", type: { kind: "numeric", type: "float32" }, nullable: false },
  { name: "vector", type: { kind: "list", item: { kind: "numeric", type: "float32" } }, nullable: false },
  { name: "kind", type: { kind: "dictionary", values: { kind: "string" } }, nullable: false },
];

function problemsOf(shape: Partial<JobSpec["output"]>): readonly Problem[] {
  try {
    checkShape({ path: "/out", rows: "parquet", ...shape }, FIELDS);
    return [];
  } catch (error) {
    if (isShardmillError(error, "SPEC_INVALID")) return error.problems;
    throw error;
  }
}

const by = (column: string): SortKey => ({ column, order: "ascending" });

test("rows may be sorted by published columns whose values have an order", () => {
  expect(problemsOf({})).toEqual([]);
  expect(problemsOf({ sort: ["kind", "day", "score"].map(by) })).toEqual([]);
});

test("each sort column that is missing or has no order is a problem, with a correction", () => {
  const problems = problemsOf({ sort: ["Day", "vector", "nothing"].map(by) });
  expect(problems.map(({ where }) => where)).toEqual(["output.sort[0]", "output.sort[1]", "output.sort[2]"]);
  const all = problemsOf({ sort: { by: ["day", "nothing"].map(by), across: "all" } });
  expect(all.map(({ where }) => where)).toEqual(["output.sort.by[1]"]);
  expect(problems[0]?.hint).toContain("`day`");
  expect(problems[1]?.found).toBe("list<float32>");
  expect(problems[2]?.expected).toContain("`day`, `score`");
});

test("columns of days and text may name folders, and float, duplicate and missing columns may not", () => {
  expect(problemsOf({ partitionBy: ["day", "kind"] })).toEqual([]);
  const problems = problemsOf({ partitionBy: ["score", "day", "day", "nothing"] });
  expect(problems.map(({ where }) => where)).toEqual([
    "output.partitionBy[0]",
    "output.partitionBy[2]",
    "output.partitionBy[3]",
  ]);
  expect(problems[0]?.found).toBe("float32");
});
