import { describe, expect, test } from "vitest";
import { estimatePlot } from "../../../bench/estimate.ts";
import { loadPlot } from "../../../bench/load/load-report.ts";
import { type BarPlot, renderBarPlot } from "../../../bench/report/bar-plot.ts";
import { pairedPlot } from "../../../bench/rounds/paired-runs.ts";
import { resumePlot } from "../../../bench/rounds/resume-report.ts";
import { localPlot } from "../../../bench/scale/local-workers.ts";
import { memoryPlot } from "../../../bench/scale/memory-growth.ts";
import { startPlot } from "../../../bench/scale/start-times.ts";
import { fleetPlot } from "../../../bench/scale/waiting-fleet.ts";

/** Returns every bar of the plot. */
function barsOf(plot: BarPlot) {
  return plot.groups.flatMap(({ bars }) => bars);
}

function barOf(plot: BarPlot, label: string) {
  const found = barsOf(plot).find((bar) => bar.label === label);
  if (found === undefined) throw new Error(`no bar is called ${label}`);
  return found;
}

const START = {
  workerJoined: 0.8,
  lanesReady: 1.4,
  firstRows: 1.6,
  lanesBusy: 1.9,
  modelLoad: 0.5,
  beside: 1.4,
};

describe("the plots of the benches", () => {
  test("killed and slow: each variant has its seconds, and its aim relative to the first median", () => {
    const plot = pairedPlot(
      [
        { name: "undisturbed", seconds: [30, 32, 31], added: [0, 0, 0], extra: [0, 0, 0] },
        { name: "killed", seconds: [32, 33, 35], added: [6.7, 3.1, 12.9], extra: [3, 3, 4] },
        { name: "lucky", seconds: [29, 31, 30], added: [-3.3, -3.1, -3.2], extra: [0, 0, 0] },
      ],
      { title: "Killed", about: "some are killed", aims: { killed: 10 } },
    );
    expect(barOf(plot, "undisturbed")).toMatchObject({ value: 31, range: [30, 32] });
    expect(barOf(plot, "undisturbed").aim).toBeUndefined();
    expect(barOf(plot, "killed")).toMatchObject({ value: 33, text: "33.0 s (+6.7 %)" });
    expect(barOf(plot, "killed").aim).toBeCloseTo(34.1);
    expect(barOf(plot, "lucky").text).toBe("30.0 s (-3.2 %)");
    expect(barOf(plot, "lucky").aim).toBeUndefined();
  });

  test("load: lease percentiles, the flat-out commit rate and the memory have bars with their aims", () => {
    const leaseMs = Array.from({ length: 100 }, (_, index) => index + 1);
    const figures = { about: "load", leaseMs, pacedRate: 700, rssMiB: 300 };
    const plot = loadPlot({ ...figures, flatOutRate: 1_900 });
    expect(barOf(plot, "p99")).toMatchObject({ value: 100, aim: 100 });
    expect(barOf(plot, "p50")).toMatchObject({ value: 51 });
    expect(barOf(plot, "flat out")).toMatchObject({ value: 1_900, aim: 2_000 });
    expect(plot.groups.at(-1)?.bars).toMatchObject([{ label: "highest", value: 300, aim: 1_024 }]);
    expect(renderBarPlot(plot)).toContain(">1,900/s<");
    expect(renderBarPlot(plot)).toContain(">300 MiB<");
    const paced = loadPlot({ ...figures, flatOutRate: null });
    expect(barsOf(paced).map(({ label }) => label)).not.toContain("flat out");
  });

  test("resume: each round compares repeated shards with those in flight, and the replay with 2 s", () => {
    const kills = [
      { inFlight: 8, again: 8, backSeconds: 0.9 },
      { inFlight: 7, again: 6, backSeconds: 1.1 },
    ];
    const replay = { readMs: 900, foldMs: 300, cpuMs: 1_000, records: 10, mebibytes: 1 };
    const plot = resumePlot(kills, replay, 200_000);
    expect(plot.groups[0]?.bars).toMatchObject([
      { value: 8, aim: 8 },
      { value: 6, aim: 7 },
    ]);
    expect(barOf(plot, "together")).toMatchObject({ value: 1.2, aim: 2 });
  });

  test("scale: workers are compared with a multiple of one, and memory of ten times the rows with 120 %", () => {
    const local = localPlot(
      new Map([
        [1, [100, 110]],
        [2, [180, 200]],
      ]),
    );
    expect(barOf(local, "1 worker")).toMatchObject({ value: 105, text: "105 (1)" });
    expect(barOf(local, "2 workers")).toMatchObject({ value: 190, aim: 210, text: "190 (0.9)" });
    const memory = memoryPlot([
      { workload: "flights", rows: 300, mebibytes: [100] },
      { workload: "flights", rows: 3_000, mebibytes: [130] },
    ]);
    expect(barOf(memory, "300 rows").aim).toBeUndefined();
    expect(barOf(memory, "3,000 rows")).toMatchObject({ value: 130, aim: 120 });
  });

  test.each([
    ["estimate", estimatePlot([{ name: "digits", predicted: [4, 5], taken: [5, 5] }]), 2],
    ["fleet", fleetPlot([aFleetRun(1), aFleetRun(256)]), 4],
    ["start", startPlot("encoder", [START]), 6],
    ["nothing measured", startPlot("encoder", []), 6],
    ["no leases", loadPlot({ about: "", leaseMs: [], flatOutRate: null, pacedRate: 0, rssMiB: 0 }), 6],
  ])("%s: each figure has a bar, and no text is NaN, undefined or Infinity", (_name, plot, bars) => {
    const svg = renderBarPlot(plot);
    expect(svg.match(/<rect class="tone/g)).toHaveLength(bars);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });
});

function aFleetRun(workers: number) {
  return { workers, idealSeconds: 15, seconds: 16, coordinatorCores: 0.2, coordinatorMsACommit: 1 };
}
