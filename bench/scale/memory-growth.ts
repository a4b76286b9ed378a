import type { TableData } from "../../shared/terminal/table.ts";
import type { BarPlot } from "../report/bar-plot.ts";
import { median, note, round } from "../report/report.ts";
import { roundsBar } from "../report/rounds-bar.ts";
import { prepareWorkload, type WorkloadName } from "../workloads/workload.ts";
import { observeRun } from "./observed-run.ts";

interface PeakMemory {
  readonly workload: WorkloadName;
  readonly rows: number;
  /** Peaks of all processes of the run together, one a round. */
  readonly mebibytes: readonly number[];
}

/** Allowed growth of the peak with ten times the rows. */
const MEMORY_AIM = 1.2;

/**
 * Measures the peak memory of a whole run, coordinator and workers. Uses a dataset, and another with ten
 * times its rows.
 */
export async function measureMemoryGrowth(
  name: WorkloadName,
  rows: number,
  rounds: number,
): Promise<PeakMemory[]> {
  const small = await prepareWorkload(name, { rows: Math.floor(rows / 10) });
  const large = await prepareWorkload(name, { rows });
  const found = [small, large].map((workload) => ({ workload, mebibytes: [] as number[] }));
  for (let round = 1; round <= rounds; round += 1) {
    for (const { workload, mebibytes } of found) {
      const { peakBytes } = await observeRun({ jobPath: workload.jobPath });
      mebibytes.push(peakBytes / 2 ** 20);
      note(`round ${round}, ${workload.rows} rows: ${Math.round(peakBytes / 2 ** 20)} MiB`);
    }
  }
  return found.map(({ workload, mebibytes }) => ({
    workload: workload.name,
    rows: workload.rows,
    mebibytes,
  }));
}

export function memoryTable(found: readonly PeakMemory[]): TableData {
  const base = median(found[0]?.mebibytes ?? []);
  return {
    columns: ["workload", "rows", "peak MiB, all processes", "of the smaller"],
    rows: found.map(({ workload, rows, mebibytes }) => [
      workload,
      rows,
      Math.round(median(mebibytes)),
      round(median(mebibytes) / base),
    ]),
  };
}

/** Plots the peak by rows, with the aim at the larger dataset. */
export function memoryPlot(found: readonly PeakMemory[]): BarPlot {
  const base = median(found[0]?.mebibytes ?? []);
  const bars = found.map(({ rows, mebibytes }, index) => ({
    ...roundsBar(`${rows.toLocaleString("en")} rows`, mebibytes),
    ...(index === 0 ? {} : { aim: MEMORY_AIM * base }),
  }));
  return {
    title: "Memory, as the rows grow ten times",
    about: [
      `The peak of a whole run, coordinator and workers together; the mark is ${MEMORY_AIM} times the smaller.`,
    ],
    groups: [{ title: `${found[0]?.workload ?? "no run"}, MiB`, bars }],
    scale: "shared",
    format: (mebibytes) => `${Math.round(mebibytes)} MiB`,
  };
}
