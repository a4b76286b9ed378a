import { describe, expect, it } from "vitest";
import {
  OURS,
  RANKING_COLUMNS,
  type RankedTool,
  rankingPlot,
  rankingRows,
} from "../../../../bench/peers/ranking.ts";

function aStanding(tool: string, seconds: readonly number[], failure: string | null = null): RankedTool {
  const runs = seconds.map((wallSeconds) => ({
    wallSeconds,
    cpuSeconds: 2 * wallSeconds,
    peakBytes: 2 ** 20 * wallSeconds,
    leftBehind: 0,
  }));
  return { workload: "flights", tool, settings: "", rows: 100, runs, failure, aim: 3 };
}

const STANDINGS = [
  aStanding(OURS, [4, 5, 50]),
  aStanding("Ray Data", [20, 18, 30]),
  aStanding("Daft", [], "it\nbroke"),
];

describe("rankingRows", () => {
  it("gives medians, and the wall time as a multiple of ours", () => {
    const [ours, ray] = rankingRows(STANDINGS).map((row) =>
      Object.fromEntries(RANKING_COLUMNS.map((column, index) => [column, row[index]])),
    );
    expect(ours).toMatchObject({ "wall s": 5, "rows/s": 20, "CPU s": 10, "peak MiB": 5, "times ours": 1 });
    expect(ray).toMatchObject({ "wall s": 20, "times ours": 4, aim: 3, "rows equal": "yes" });
  });

  it("has no figures for a failed tool", () => {
    const row = rankingRows(STANDINGS)[2] ?? [];
    expect(row).toHaveLength(RANKING_COLUMNS.length);
    expect(row[2]).toBeNull();
    expect(row[RANKING_COLUMNS.indexOf("rows equal")]).toBe("no: it\nbroke");
  });
});

describe("rankingPlot", () => {
  it("marks the aim relative to our median, and omits failed tools", () => {
    const [group] = rankingPlot(STANDINGS).groups;
    expect(group?.bars.map(({ label, value, aim }) => [label, value, aim])).toEqual([
      [OURS, 5, undefined],
      ["Ray Data", 20, 15],
    ]);
  });
});
