import { expect, test } from "vitest";
import { estimateEntries } from "../../../extensions/estimate/estimate-text.ts";
import { anEstimate } from "./sample-estimate.ts";

test("an estimate shows time, speed, memory and the bottleneck of a run on this machine", () => {
  expect(estimateEntries(anEstimate()).filter(([, value]) => value !== null)).toEqual([
    ["time", "1.5s on this machine (start 0.4s, reduce and publish 0.1s)"],
    ["speed", "3,000 rows/s ± 1.2 % (cpu, 1 worker with 2 lanes), measured on 2,000 rows"],
    ["memory", "400.0 MiB (300.0 MiB a worker, 100.0 MiB the coordinator)"],
    ["limited by", "infer (90 % busy)"],
    ["busy", "infer 90 % of a worker's time"],
    ["advice", "a GPU"],
  ]);
});

test("an estimate for several machines shows their total cost", () => {
  const lines = Object.fromEntries(
    estimateEntries(anEstimate({ nodes: 8, workers: 4, seconds: 7_200, cost: 40 })),
  );
  expect(lines.time).toContain("2h 0m 0s on 8 machines like this");
  expect(lines.speed).toContain("4 workers with 2 lanes each");
  expect(lines.cost).toBe("40.00 (16 machine hours)");
});

test("a small cost is shown with two significant digits", () => {
  const lines = Object.fromEntries(estimateEntries(anEstimate({ cost: 0.001_041_666 })));
  expect(lines.cost).toBe("0.001 (0.00042 machine hours)");
});

test("dead letters of the sample are shown, and a sample of only dead letters shows no speed", () => {
  const first = {
    file: "/a.parquet",
    row: 7,
    stage: "tensorize",
    code: "ROW_NULL",
    message: "column `x` is null",
  } as const;
  const some = Object.fromEntries(
    estimateEntries(anEstimate({ failedRows: { rows: 3, ofRows: 4_000, first } })),
  );
  expect(some.sample).toBe(
    "3 of 4,000 rows are dead letters: the first is row 7, counted from 0, of /a.parquet: column `x` is null",
  );
  expect(some.speed).toContain("rows/s");
  expect(estimateEntries(anEstimate({ failedRows: { rows: 40, ofRows: 40, first } }))).toEqual([
    [
      "sample",
      "all of its rows are dead letters, so nothing was measured: the first is row 7, counted from 0, of /a.parquet: column `x` is null",
    ],
  ]);
});

test("rows of the sample with a truncated text are shown with a hint", () => {
  const truncatedOf = (rows: number) =>
    Object.fromEntries(estimateEntries(anEstimate({ truncated: { rows, ofRows: 4_000 } }))).truncated;
  expect(truncatedOf(30)).toMatch(/^30 of 4,000 rows of the sample: .*maxTokens.*split$/);
  expect(truncatedOf(4_000)).toMatch(/^all 4,000 rows of the sample: /);
});
