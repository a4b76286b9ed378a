import type { MapBinding } from "../../shared/domain/map-binding.ts";
import { rowShapeOf } from "../../shared/domain/row-shape.ts";
import { type Batch, batchOf } from "../batch/batch.ts";
import type { InputChunk } from "../tensorize/input-chunk.ts";

/** What is run at once: as small as a slow model needs it, since speed is not the question. */
const BATCH_ROWS = 16;

/** The first batch: a device that takes seconds for a row must not be given more before it is known to. */
const FIRST_ROWS = 4;

/**
 * The live rows of a chunk in batches; rows that nothing may be added to run one by one.
 *
 * @param isFirst whether nothing has been run yet
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
