import { Schema, Table } from "apache-arrow";
import { defineStep } from "../../../extensions/code/api.ts";
import { checkStep } from "../../../extensions/code/run/loaded-step.ts";
import { runBatch } from "../../../extensions/code/run/run-batch.ts";
import { runRows } from "../../../extensions/code/run/run-rows.ts";
import type { FailedRow } from "../../../extensions/code/run/run-task.ts";
import { recordBatchOf } from "../../../shared/dataset/record-batch.ts";
import { arrowFieldOf, columnOf } from "../../../shared/values/write-values.ts";
import { plainRows } from "../../support/sample-table.ts";

export const READS = { id: "int32", text: "string?" } as const;

/** Returns rows of `id` and `text`, which is null in every fifth row. */
function someRows(count: number) {
  const types = checkStep(defineStep({ reads: READS, columns: {}, row: () => ({}) })).declaration.reads;
  const values = [
    Array.from({ length: count }, (_, row) => row),
    Array.from({ length: count }, (_, row) => (row % 5 === 4 ? null : `row ${row}`)),
  ];
  const columns = types.map(({ type }, at) => columnOf(values[at] ?? [], type));
  return recordBatchOf(new Schema(types.map(arrowFieldOf)), count, columns);
}

/** Runs a step over some rows. Returns its results and its calls. */
export async function runStep(
  exported: object,
  { rows = 10, lost = [] as FailedRow[], state = undefined as unknown } = {},
) {
  const step = checkStep(exported);
  const calls: (number | null)[] = [];
  const { columns, sources, failed } = await (step.declaration.kind === "row" ? runRows : runBatch)({
    step,
    batch: someRows(rows),
    lost,
    concurrency: step.declaration.concurrency,
    state,
    where: "map.prepare[0]",
    onCall: (row) => calls.push(row),
  });
  const fields = step.declaration.columns.map(arrowFieldOf);
  const batch = recordBatchOf(new Schema(fields), sources.length, columns);
  const made = fields.length === 0 ? [] : (plainRows(new Table([batch])) as Record<string, unknown>[]);
  const dead = new Set(failed.map(({ row }) => row));
  const live = made.filter((_, at) => !dead.has(sources[at] ?? -1));
  return { made: live, sources: [...sources], failed, calls, fields };
}
