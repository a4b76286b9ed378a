import { availableParallelism } from "node:os";
import type { TableData } from "../../shared/terminal/table.ts";
import type { BarPlot } from "../report/bar-plot.ts";
import { median, note, round } from "../report/report.ts";
import { roundsBar } from "../report/rounds-bar.ts";
import type { Workload } from "../workloads/workload.ts";
import { observeRun } from "./observed-run.ts";

/** Steady rows a second of each round, by the number of workers. */
type LocalRates = ReadonlyMap<number, readonly number[]>;

/**
 * Measures one worker process, then more, up to the number of cores, each with one lane of one thread. Shows
 * the gain of more workers on one machine, where they share only the cores.
 */
export async function scaleLocalWorkers(workload: Workload, rounds: number): Promise<LocalRates> {
  const counts = Array.from({ length: availableParallelism() }, (_, index) => index + 1);
  const found = new Map<number, number[]>(counts.map((workers) => [workers, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const workers of counts) {
      const args = ["--workers", String(workers), "--lanes", "1", "--threads", "1"];
      const { steadyRowsPerSecond } = await observeRun({ jobPath: workload.jobPath, args });
      found.get(workers)?.push(steadyRowsPerSecond);
      note(`round ${round}, ${workers} workers: ${Math.round(steadyRowsPerSecond)} rows/s`);
    }
  }
  return found;
}

export function localTable(found: LocalRates): TableData {
  return {
    columns: ["workers", "rows/s, steady", "efficiency"],
    rows: [...found].map(([workers, rates]) => [
      workers,
      Math.round(median(rates)),
      round(efficiency(found, workers)),
    ]),
  };
}

/** Plots rows a second by workers. The mark is the rate of one worker times their number. */
export function localPlot(found: LocalRates): BarPlot {
  const one = median(found.get(1) ?? []);
  const bars = [...found].map(([workers, rates]) => {
    const bar = roundsBar(`${workers} ${workers === 1 ? "worker" : "workers"}`, rates);
    const text = `${rate(bar.value)} (${round(efficiency(found, workers))})`;
    return { ...bar, text, ...(workers === 1 ? {} : { aim: workers * one }) };
  });
  return {
    title: "Workers on one machine",
    about: [
      "Rows a second in steady state of vision, worker processes of one lane and one thread each; in brackets the efficiency, against that multiple of one worker, which is the mark.",
    ],
    groups: [{ title: "rows a second", bars }],
    scale: "shared",
    format: rate,
  };
}

/** Returns the rate as a share of as many single workers. */
function efficiency(found: LocalRates, workers: number): number {
  return median(found.get(workers) ?? []) / (workers * median(found.get(1) ?? []));
}

function rate(rowsPerSecond: number): string {
  return Math.round(rowsPerSecond).toLocaleString("en");
}
