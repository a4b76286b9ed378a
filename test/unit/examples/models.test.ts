import { describe, expect, it } from "vitest";
import { brokenBounds, type Comparison } from "../../../examples/models/check/check-model.ts";
import { distanceLine } from "../../../examples/models/check/page.ts";
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
  it("holds by differences, of embeddings by cosines, of labels when all are equal", () => {
    expect(brokenBounds(FOUND, ["vector"])).toEqual([]);
    expect(brokenBounds(FOUND, [])).toEqual(["vector: 0.1 apart"]);
    expect(brokenBounds(FOUND, ["vector", "scores"])).toEqual(["scores: a cosine of 0.5"]);
    const other = { rows: 3, columns: { kind: { kind: "labels", different: 1 } } } as const;
    expect(brokenBounds(other, [])).toEqual(["kind: 1 rows have another value"]);
  });

  it("is told in a line", () => {
    expect(distanceLine(FOUND, ["vector"])).toBe(
      "`kind`: all equal; `scores`: 1.0e-4; `vector`: 1.0e-1, cosine at least 0.9999100",
    );
  });
});

describe("a sample", () => {
  it("is spread over all rows, and is all of them where there are fewer", () => {
    const rows = Array.from({ length: 10 }, (_, at) => ({ at }));
    expect(spread(rows, 3).map(({ at }) => at)).toEqual([0, 3, 6]);
    expect(spread(rows, 20)).toEqual(rows);
  });
});
