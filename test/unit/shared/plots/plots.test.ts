import { expect, test } from "vitest";
import type { RunHistory } from "../../../../shared/domain/run-history.ts";
import { pacePlot } from "../../../../shared/plots/plots.ts";
import { aBusyRun } from "../../../support/run-history.ts";

/** Returns the heights of the curve's steps, from the bottom of the plot. */
function stepsOf(history: RunHistory, width?: number): number[] {
  const path = /class="area" d="([^"]*)"/.exec(pacePlot(history, width)?.text ?? "")?.[1] ?? "";
  const heights = [...path.matchAll(/L[\d.]+ ([\d.]+)/g)].map(([, y]) => 176 - Number(y));
  return heights.slice(0, -1);
}

/** Returns a run of four workers that each commit 100 rows every ten seconds, sampled each second. */
function aLumpyRun(seconds: number): RunHistory {
  const at = Array.from({ length: seconds + 1 }, (_, index) => index);
  const rowsDone = at.map((second) =>
    [1, 2, 3, 4].reduce((sum, phase) => sum + 100 * Math.floor((second + 2 * phase) / 10), 0),
  );
  return { ...aBusyRun(), seconds, pace: { at, rowsDone, workers: at.map(() => 4) } };
}

test("the curve of rows per second has no spikes when workers commit whole shards in turn", () => {
  const steps = stepsOf(aLumpyRun(300));
  expect(steps.length).toBeGreaterThan(20);
  expect(Math.min(...steps)).toBeGreaterThan(Math.max(...steps) / 2);
});

test("the last step of the curve falls once a stall is longer than a usual step", () => {
  const { pace, ...run } = aLumpyRun(100);
  const stalled = (seconds: number) =>
    stepsOf({
      ...run,
      seconds: 100 + seconds,
      pace: {
        at: [...pace.at, 100 + seconds],
        rowsDone: [...pace.rowsDone, pace.rowsDone.at(-1) ?? 0],
        workers: [...pace.workers, 4],
      },
    }).at(-1);
  expect(stalled(2)).toBeGreaterThan(40);
  expect(stalled(60)).toBeLessThan(20);
});

test("a narrow plot has the requested width and fewer ticks than a wide plot", () => {
  const plot = (width: number) => pacePlot(aLumpyRun(300), width)?.text ?? "";
  const ticks = (text: string) => text.match(/text-anchor="middle"/g)?.length ?? 0;
  expect(plot(340)).toContain('viewBox="0 0 340 200"');
  expect(ticks(plot(340))).toBeLessThanOrEqual(4);
  expect(ticks(plot(1_000))).toBeGreaterThan(ticks(plot(340)));
});
