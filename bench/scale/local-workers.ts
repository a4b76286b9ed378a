import { availableParallelism } from "node:os";
import type { TableData } from "../../cli/render/table.ts";
import { median, note, round } from "../report.ts";
import type { Workload } from "../workloads/workload.ts";
import { observeRun } from "./observed-run.ts";

/**
 * One to as many worker processes as there are cores, each with one lane of one thread: what a second worker adds on one
 * machine, where nothing but the cores is shared.
 */
export async function scaleLocalWorkers(workload: Workload, rounds: number): Promise<TableData> {
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
  const one = median(found.get(1) ?? []);
  return {
    columns: ["workers", "rows/s, steady", "efficiency"],
    rows: [...found].map(([workers, rates]) => [
      workers,
      Math.round(median(rates)),
      round(median(rates) / (workers * one)),
    ]),
  };
}
