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
 * One to as many worker processes as there are cores, each with one lane of one thread: what a second worker
 * adds on one machine, where nothing but the cores is shared.
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

/** Rows a second by workers; the mark is as many times what one reaches. */
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
      "Rows a second in steady state of vision, worker processes of one lane and one thread each; in brackets the efficiency: of as many times what one worker reaches, which is the mark.",
    ],
    groups: [{ title: "rows a second", bars }],
    scale: "shared",
    format: rate,
  };
}

/** Of what so many would reach if each did as one alone does. */
function efficiency(found: LocalRates, workers: number): number {
  return median(found.get(workers) ?? []) / (workers * median(found.get(1) ?? []));
}

function rate(rowsPerSecond: number): string {
  return Math.round(rowsPerSecond).toLocaleString("en");
}
