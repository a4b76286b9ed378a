import { describe, expect, test } from "vitest";
import {
  partitionType,
  refuseOtherTypes,
  typesOfFiles,
} from "../../../../../coordinator/plan/input/partition-types.ts";
import { isShardmillError } from "../../../../../shared/core/errors.ts";
import type { PartitionType } from "../../../../../shared/domain/dataset.ts";
import { parseLocation } from "../../../../../shared/domain/location.ts";
import { partitionField } from "../../../../../shared/domain/partition.ts";

/** Returns a partition `p` of a type, and files with these values of it. */
function folders(type: PartitionType, ...values: readonly (string | null)[]) {
  return {
    partitions: { kind: "hive", fields: [partitionField({ name: "p", type })] },
    files: values.map((value) => ({
      path: parseLocation(`/d/p=${value}/x`),
      partitions: [{ name: "p", type, value }],
    })),
  } as const;
}

function problemsOf(set: string, found: ReturnType<typeof folders>) {
  try {
    refuseOtherTypes(found, { P: set, other: "timestamp" });
  } catch (error) {
    if (isShardmillError(error, "SPEC_INVALID")) return error.problems;
    throw error;
  }
  return [];
}

describe("the type that a job sets for a folder's column", () => {
  test.each([
    ["string", ["1", "2"], "string"],
    ["string", ["2024-02-29"], "string"],
    ["int64", ["1", "2"], "int64"],
    ["date", [], "date"],
    ["int64", [], "int64"],
    ["int64", ["01"], "string"],
    ["date", ["1"], "int64"],
    ["timestamp", ["2024-02-29"], "date"],
  ])("the set type is used if all values have it: %s of %j", (set, values, type) => {
    expect(partitionType("p", values, { P: set })).toBe(type);
    expect(partitionType("p", values, { q: set })).toBe(partitionType("p", values, {}));
  });

  test("a type is refused if a value does not have it, or if a folder cannot have it", () => {
    expect(problemsOf("int64", folders("string", null, "7", "07"))).toMatchObject([
      { where: "input.types.p", expected: expect.stringContaining("007"), found: "`07` (/d/p=07/x)" },
    ]);
    expect(problemsOf("timestamp", folders("date", "2024-02-29"))).toMatchObject([
      { where: "input.types.p", expected: "int64, date, string", found: "timestamp" },
    ]);
    expect(problemsOf("string", folders("string", "07"))).toEqual([]);
    expect(() =>
      refuseOtherTypes({ partitions: { kind: "none", why: null }, files: [] }, { p: "timestamp" }),
    ).not.toThrow();
  });

  test("the type of a folder's column is not applied to columns of the files", () => {
    const types = { P: "int64", q: "float32" };
    expect(typesOfFiles(types, folders("int64", "1").partitions)).toEqual({ q: "float32" });
    expect(typesOfFiles(types, { kind: "none", why: null })).toEqual(types);
  });
});
