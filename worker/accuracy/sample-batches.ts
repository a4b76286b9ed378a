import type { MapBinding } from "../../shared/domain/map-binding.ts";
import { rowShapeOf } from "../../shared/domain/row-shape.ts";
import { type Batch, batchOf } from "../batch/batch.ts";
import type { InputChunk } from "../tensorize/input-chunk.ts";

/** Rows of a batch. Small enough for a slow model, because speed does not matter here. */
const BATCH_ROWS = 16;

/** Rows of the first batch. Small, because the device may take seconds for a row. */
const FIRST_ROWS = 4;

/**
 * Cuts the live rows of a chunk into batches. Rows that allow no padding run one by one.
 *
 * @param isFirst true before anything has run
 */
export function* sampleBatches(
  chunk: InputChunk,
  { inputs, fixedBatchRows }: Pick<MapBinding, "inputs" | "fixedBatchRows">,
  isFirst: boolean,
): Generator<Batch> {
  const alone = rowShapeOf({ inputs }) === "unpadded";
  const usual = alone ? 1 : (fixedBatchRows ?? BATCH_ROWS);
  let most = isFirst && !alone ? (fixedBatchRows ?? FIRST_ROWS) : usual;
  for (const run of chunk.liveRuns) {
    for (let { start } = run; start < run.end; ) {
      const end = Math.min(run.end, start + most);
      yield batchOf([{ chunk, start, end }]);
      start = end;
      most = usual;
    }
  }
}
