import { present } from "../../shared/core/assert.ts";
import { isPrepared } from "../workloads/recipe.ts";
import { eachBatch, type LoopRowsOptions } from "./loop-rows.ts";
import { openPrepareCells, type PrepareCells } from "./prepare-cells.ts";

/** Reads a lane's share of a workload's texts or pictures, with the function that prepares them. */
export async function readLoopCells({ workload, lane, lanes, mostRows }: LoopRowsOptions): Promise<{
  readonly cells: readonly unknown[];
  readonly prepare: PrepareCells;
}> {
  const input = present(workload.inputs.find(isPrepared), "the workload has something to prepare");
  const [column = ""] = input.columns ?? [];
  const prepare = present(await openPrepareCells(workload, input), "the input is prepared");
  const every = Math.max(1, Math.floor(workload.rows / mostRows)) * lanes;
  const cells: unknown[] = [];
  await eachBatch(workload, [column], async (batch, firstRow) => {
    const values = batch.getChild(column);
    for (let row = 0; row < batch.numRows; row += 1)
      if ((firstRow + row) % every === lane) cells.push(values?.get(row));
  });
  return { cells, prepare };
}
