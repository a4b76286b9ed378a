import type { RecordBatch } from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import { recordBatchOf } from "../../shared/dataset/record-batch.ts";
import { type MappedShard, type ShardResult, tableOf } from "../collect/collector.ts";
import type { BusyMeter } from "../meter/busy-meter.ts";
import type { StepChain } from "../prepare/step-chain.ts";

/**
 * The mapped rows of a shard as the steps behind the model leave them, and its counts with what they dropped:
 * a row that was mapped, and none of whose parts is left, is filtered.
 *
 * @throws whatever a step throws
 */
export async function finishRows(
  { sources, rows, ...result }: MappedShard,
  steps: StepChain,
  { meter, signal }: { readonly meter: BusyMeter; readonly signal: AbortSignal },
): Promise<ShardResult> {
  const schema = await steps.schemaOf(rows.schema, signal);
  const batches: RecordBatch[] = [];
  let rowsMapped = 0;
  let rowsOut = 0;
  let last = -1;
  for (const [index, batch] of rows.batches.entries()) {
    // A table of no rows has an empty batch, for its columns.
    if (batch.numRows === 0) continue;
    const origins = present(sources?.[index], "a shard that is finished knows where its rows came from");
    const finished = await meter.timeAsync("finish", () => steps.run(batch, signal));
    const { numRows, data } = finished.batch;
    for (let row = 0; row < numRows; row += 1) {
      const origin = origins[finished.sources?.[row] ?? row] ?? 0;
      if (origin !== last) rowsMapped += 1;
      last = origin;
    }
    rowsOut += numRows;
    if (numRows > 0) batches.push(recordBatchOf(schema, numRows, data.children));
  }
  const rowsFiltered = result.rowsFiltered + result.rowsMapped - rowsMapped;
  return { ...result, rows: tableOf(schema, batches), rowsMapped, rowsFiltered, rowsOut };
}
