import type { TableData } from "../../cli/render/table.ts";
import { median, note, round } from "../report.ts";
import { prepareWorkload, type WorkloadName } from "../workloads/workload.ts";
import { observeRun } from "./observed-run.ts";

/** The peak memory of a whole run (coordinator and workers), with a dataset and with one of ten times its rows. */
export async function measureMemoryGrowth(
  name: WorkloadName,
  rows: number,
  rounds: number,
): Promise<TableData> {
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
  const base = median(found[0]?.mebibytes ?? []);
  return {
    columns: ["workload", "rows", "peak MiB, all processes", "of the smaller"],
    rows: found.map(({ workload, mebibytes }) => [
      workload.name,
      workload.rows,
      Math.round(median(mebibytes)),
      round(median(mebibytes) / base),
    ]),
  };
}
