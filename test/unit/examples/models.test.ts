import { describe, expect, it } from "vitest";
import { brokenBounds, type Comparison } from "../../../examples/models/check/check-model.ts";
import { distanceLine, modelsPage } from "../../../examples/models/check/page.ts";
import type { RealModel } from "../../../examples/models/check/real-model.ts";
import { spread } from "../../../examples/models/check/sample.ts";

const FOUND: Comparison = {
  rows: 3,
  columns: {
    kind: { kind: "labels", different: 0 },
    scores: { kind: "numbers", largest: 0.0001, leastCosine: 0.5 },
    vector: { kind: "numbers", largest: 0.1, leastCosine: 0.99991 },
  },
};

describe("a comparison with a reference program", () => {
  it("checks numbers by difference, embeddings by cosine and labels by equality", () => {
    expect(brokenBounds(FOUND, ["vector"])).toEqual([]);
    expect(brokenBounds(FOUND, [])).toEqual(["vector: 0.1 apart"]);
    expect(brokenBounds(FOUND, ["vector", "scores"])).toEqual(["scores: a cosine of 0.5"]);
    const other = { rows: 3, columns: { kind: { kind: "labels", different: 1 } } } as const;
    expect(brokenBounds(other, [])).toEqual(["kind: 1 rows have another value"]);
  });

  it("is printed in one line", () => {
    expect(distanceLine(FOUND, ["vector"])).toBe(
      "`kind`: all equal; `scores`: 1.0e-4; `vector`: 1.0e-1, cosine at least 0.9999100",
    );
  });
});

function aModel(name: string): RealModel {
  return {
    source: { name, packages: [] },
    title: name,
    megabytes: 1,
    rows: 1,
    embeddings: [],
    readRows: async () => [],
  };
}

describe("the page of models", () => {
  const [first, second] = [aModel("first"), aModel("second")];
  const rowsOf = (page: string) => page.split("\n").filter((line) => line.startsWith("| ["));
  const empty =
    "# Models\n\n| model and its job | rows | largest difference | last run |\n|---|---|---|---|\n\nText.\n";

  it("keeps its text and the rows of models that were not run, in the order of the catalogue", () => {
    const all = [
      { model: first, found: FOUND },
      { model: second, found: FOUND },
    ];
    const before = modelsPage([first, second], all, { date: "2026-11-01", before: empty });
    const found = { ...FOUND, rows: 4 };
    const after = modelsPage([first, second], [{ model: second, found }], { date: "2026-11-02", before });
    expect(rowsOf(before)).toHaveLength(2);
    expect(rowsOf(after)[0]).toBe(rowsOf(before)[0]);
    expect(rowsOf(after)[1]).toMatch(/^\| \[second\].* \| 4 \| .* \| 2026-11-02 \|$/);
    expect(after.replace(/^\| \[.*\n/gm, "")).toBe(empty);
  });

  it("is not written while a model has no row", () => {
    expect(() => modelsPage([first], [], { date: "2026-11-01", before: empty })).toThrow(
      "first has no row on the page yet: name it, too",
    );
  });

  it("is not written when it has no table of results", () => {
    expect(() => modelsPage([], [], { date: "2026-11-01", before: "# Models\n" })).toThrow("no table");
  });
});

describe("a sample", () => {
  it("is spread over all rows, and is every row when there are fewer", () => {
    const rows = Array.from({ length: 10 }, (_, at) => ({ at }));
    expect(spread(rows, 3).map(({ at }) => at)).toEqual([0, 3, 6]);
    expect(spread(rows, 20)).toEqual(rows);
  });
});
