import { describe, expect, test } from "vitest";
import { withNamedLabels } from "../../../../../coordinator/plan/labels/named-labels.ts";
import type { OutputSpec } from "../../../../../shared/domain/map-spec.ts";
import type { SpecProblem } from "../../../../../shared/job-file/issue-problems.ts";

const FILE = "map.outputs.y.labels.file";

function named(spec: OutputSpec, file: object = { kind: "read", labels: ["x", "y"] }) {
  const problems: SpecProblem[] = [];
  const sources = {
    classes: { label: ["cat", "dog"] },
    descriptions: new Map([[FILE, file]]),
    metadata: { character: "a\nb", bad: '{"0": 1}' },
  };
  return { spec: withNamedLabels({ spec, path: ["map", "outputs", "y"] }, sources, problems), problems };
}

describe("named labels", () => {
  test.each([
    [{ column: "label" }, ["cat", "dog"]],
    [{ file: "/names.txt" }, ["x", "y"]],
    [{ metadata: "character" }, ["a", "b"]],
  ] as const)("%j is replaced by its labels", (labels, expected) => {
    expect(named({ op: "argmax", labels })).toEqual({
      spec: { op: "argmax", labels: expected },
      problems: [],
    });
  });

  test("lists and missing labels stay unchanged", () => {
    for (const spec of [{ op: "argmax", labels: ["a"] }, { op: "argmax" }] as const)
      expect(named({ ...spec })).toEqual({ spec, problems: [] });
  });

  test.each([
    [{ column: "labels" }, "column", "a column of the feature ClassLabel: `label`"],
    [{ column: "constructor" }, "column", "a column of the feature ClassLabel: `label`"],
    [{ metadata: "characters" }, "metadata", "`character`, `bad`"],
    [{ metadata: "bad" }, "metadata", "a label in each line, a list or a group"],
  ] as const)("%j without labels is a problem", (labels, key, expected) => {
    const { spec, problems } = named({ op: "argmax", labels });
    expect(spec).toEqual({ op: "argmax" });
    expect(problems).toMatchObject([{ path: ["map", "outputs", "y", "labels", key], expected }]);
  });

  test("a file that has no labels is a problem with its reason", () => {
    const refused = { kind: "refused", why: "is not UTF-8" };
    const { problems } = named({ op: "argmax", labels: { file: "/names.txt" } }, refused);
    expect(problems).toMatchObject([
      { path: ["map", "outputs", "y", "labels", "file"], what: "is not UTF-8, and gives no labels" },
    ]);
  });
});
