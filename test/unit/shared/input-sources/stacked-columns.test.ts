import { describe, expect, test } from "vitest";
import type { SourceProblem } from "../../../../shared/input-sources/input-source.ts";
import { stackedColumns } from "../../../../shared/input-sources/stacked-columns.ts";

describe("the columns that a pattern matches", () => {
  test.each([
    ["f*", "f", true],
    ["f*", "f12", true],
    ["f*", "gf", false],
    ["*_x", "a_x_x", true],
    ["a*b*c", "a--b--c", true],
    ["a*b*c", "a--c--b", false],
    ["f?", "f1", true],
    ["f?", "f12", false],
    ["f.", "fx", false],
    ["*", "", true],
    ["**", "any", true],
  ])("the pattern %j matches the column %j: %s", (pattern, name, matches) => {
    expect(columnsBy(pattern, [name])).toEqual(matches ? [name] : null);
  });

  test("matching columns are in the order of the input", () => {
    expect(columnsBy("f*", ["f2", "g", "f10", "f1"])).toEqual(["f2", "f10", "f1"]);
  });

  test("a hostile pattern does not slow the match down", () => {
    expect(columnsBy(`${"*a".repeat(400)}b`, ["a".repeat(1000)])).toBeNull();
  });
});

/** Returns the columns, or null when there is none, which must then be the only problem. */
function columnsBy(pattern: string, names: readonly string[]): readonly string[] | null {
  const problems: SourceProblem[] = [];
  const bound = stackedColumns.bind(
    { columns: pattern },
    {
      isText: false,
      fromText: [],
      input: "x",
      names,
      find: (name) => ({
        name,
        kind: "numeric",
        type: "float32",
        cell: { kind: "values", values: 1 },
        textCause: null,
        untyped: "",
      }),
      report: (problem) => problems.push(problem),
    },
  );
  expect(problems.length).toBe(bound === null ? 1 : 0);
  return bound?.binding.columns ?? null;
}
