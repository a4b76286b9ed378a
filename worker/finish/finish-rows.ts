import type { RecordBatch } from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import { mapInOrder } from "../../shared/core/map-in-order.ts";
import { recordBatchOf } from "../../shared/dataset/record-batch.ts";
import type { Lease } from "../../shared/domain/job.ts";
import { type MappedShard, type ShardResult, tableOf } from "../collect/collector.ts";
import type { StageSteps } from "../steps/stage-steps.ts";
import { stepFailedAt } from "../steps/step-failed-at.ts";

interface FinishOptions {
  readonly steps: StageSteps;
  readonly lease: Pick<Lease, "shard" | "slices">;
  readonly signal: AbortSignal;
}

/** Rows behind the steps, and the row of the shard that each came from. */
interface FinishedRows {
  readonly batch: RecordBatch;
  readonly origins: Uint32Array;
}

/**
 * The mapped rows of a shard as the steps behind the model leave them, and its counts with what they dropped:
 * a row that was mapped, and none of whose parts is left, is filtered.
 *
 * @throws whatever a step throws, with the rows of the shard that it was given
 */
export async function finishRows(mapped: MappedShard, options: FinishOptions): Promise<ShardResult> {
  const { sources: _, rows, ...result } = mapped;
  const { steps, signal } = options;
  const schema = await steps.schemaOf(rows.schema, signal);
  const batches: RecordBatch[] = [];
  let rowsMapped = 0;
  let rowsOut = 0;
  let last = -1;
  for await (const { batch, origins } of finishedRows(mapped, options)) {
    const { numRows, data } = batch;
    for (let row = 0; row < numRows; row += 1) {
      const origin = origins[row] ?? 0;
      if (origin !== last) rowsMapped += 1;
      last = origin;
    }
    rowsOut += numRows;
    if (numRows > 0) batches.push(recordBatchOf(schema, numRows, data.children));
  }
  const rowsFiltered = result.rowsFiltered + result.rowsMapped - rowsMapped;
  return { ...result, rows: tableOf(schema, batches), rowsMapped, rowsFiltered, rowsOut };
}

function finishedRows(
  { rows, sources }: MappedShard,
  { steps, lease, signal }: FinishOptions,
): AsyncGenerator<FinishedRows, void, undefined> {
  return mapInOrder(
    mappedRows(rows.batches, sources),
    () => steps.atOnce,
    async ({ batch, origins }) => {
      const finished = await steps.run(batch, signal).catch((error: unknown) => {
        const [first = 0] = origins;
        throw stepFailedAt(error, lease, first, (origins.at(-1) ?? first) + 1);
      });
      const originsOut = finished.sources?.map((row) => origins[row] ?? 0) ?? origins;
      return { batch: finished.batch, origins: originsOut };
    },
  );
}

async function* mappedRows(
  batches: readonly RecordBatch[],
  sources: MappedShard["sources"],
): AsyncGenerator<FinishedRows, void, undefined> {
  for (const [index, batch] of batches.entries()) {
    // A table of no rows has an empty batch, for its columns.
    if (batch.numRows === 0) continue;
    yield { batch, origins: present(sources?.[index], "a shard that is finished knows its rows' origins") };
  }
}
