import { expect, test } from "vitest";
import { checkKeptTypes } from "../../../../coordinator/plan/check-kept-types.ts";
import { isShardmillError, type Problem } from "../../../../shared/core/errors.ts";
import type { DatasetFormat, Field, FieldType } from "../../../../shared/domain/dataset.ts";
import type { JobSpec } from "../../../../shared/domain/job-spec.ts";
import { mapSpec } from "../../../../shared/domain/map-spec.ts";

const UNION: FieldType = {
  kind: "union",
  fields: [{ name: "a", type: { kind: "string" }, nullable: true }],
};
const WIDE: FieldType = { kind: "decimal", precision: 50, scale: 2 };
const MONTHS: FieldType = { kind: "interval", unit: "yearMonth" };
const REDUCE = { best: { final: "SELECT 1 AS a FROM rows" } };

function problemsOf(
  type: FieldType,
  rows: JobSpec["output"]["rows"],
  {
    reduce = {},
    format = "arrow",
    isAll = false,
  }: { reduce?: JobSpec["reduce"]; format?: DatasetFormat; isAll?: boolean } = {},
): readonly Problem[] {
  const map = mapSpec.parse({ keep: isAll ? [] : ["id", "k"] });
  const spec = { map, reduce, output: { path: "/out", rows } };
  const keep: Field[] = [
    { name: "id", type: { kind: "string" }, nullable: false },
    { name: "k", type, nullable: true },
  ];
  try {
    checkKeptTypes(spec, keep, [{ format }]);
    return [];
  } catch (error) {
    if (isShardmillError(error, "SPEC_INVALID")) return error.problems;
    throw error;
  }
}

test("a type that Parquet lacks is refused, at any depth, only if Parquet is written", () => {
  const nested: FieldType = { kind: "list", item: { kind: "map", key: { kind: "string" }, value: UNION } };
  for (const type of [UNION, nested]) {
    const [problem] = problemsOf(type, "parquet");
    expect(problem?.where).toBe("map.keep[1]");
    expect(problem?.what).toContain("`k`");
    expect(problem?.hint).toContain("output.rows");
    expect(problemsOf(type, "arrow")).toEqual([]);
    const [reduced] = problemsOf(type, "arrow", { reduce: REDUCE });
    expect(reduced?.what).toContain("reduce.best");
    expect(reduced?.hint).not.toContain("output.rows");
  }
});

test("decimals that SQL would round are refused with reductions, and kept without them", () => {
  for (const type of [WIDE, { kind: "list", item: WIDE } as const]) {
    const [problem] = problemsOf(type, "parquet", { reduce: REDUCE });
    expect(problem).toMatchObject({ where: "map.keep[1]", what: expect.stringMatching(/`k`.*reduce\.best/) });
    expect(problemsOf(type, "parquet")).toEqual([]);
  }
});

test("intervals are refused from Parquet files, whose months are not read, and kept from Arrow files", () => {
  expect(problemsOf(MONTHS, "arrow", { format: "parquet" })).toMatchObject([{ where: "map.keep[1]" }]);
  expect(problemsOf(MONTHS, "parquet")).toEqual([]);
});

test("a type that every format supports has no problems", () => {
  const dates: FieldType = { kind: "dictionary", values: { kind: "date", unit: "millisecond" } };
  for (const rows of ["parquet", "arrow"] as const) {
    expect(problemsOf(dates, rows, { reduce: REDUCE, format: "parquet" })).toEqual([]);
  }
});

test("the hint for a job that keeps all columns by default is to list the others", () => {
  const [problem] = problemsOf(UNION, "parquet", { isAll: true });
  expect(problem?.where).toBe("map.keep");
  expect(problem?.hint).toContain("list the other columns in map.keep");
});
