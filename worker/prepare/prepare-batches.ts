import type { RecordBatch } from "apache-arrow";
import { mapInOrder } from "../../shared/core/map-in-order.ts";
import { freeBatch } from "../../shared/dataset/free-batch.ts";
import { plainCopy } from "../../shared/dataset/plain-batch.ts";
import type { Lease } from "../../shared/domain/job.ts";
import { NO_NOTED_ROWS } from "../../shared/steps/noted-rows.ts";
import type { UnreadableRows } from "../read/unreadable-rows.ts";
import { stepReadable } from "../steps/failed-rows.ts";
import type { StageSteps } from "../steps/stage-steps.ts";
import { stepFailedAt } from "../steps/step-failed-at.ts";
import type { RowOrigin } from "../tensorize/input-chunk.ts";

/** Record batch for the map, with its source rows in the shard. */
interface PreparedRows extends RowOrigin {
  readonly batch: RecordBatch;
}

interface PrepareOptions {
  /** Steps of the stage. Null: the job has none. */
  readonly steps: Pick<StageSteps, "atOnce" | "pieceRows" | "run"> | null;
  readonly lease: Pick<Lease, "shard" | "slices">;
  /** Rows that could not be read so far. Default: there are none. */
  readonly unreadable?: UnreadableRows | undefined;
  readonly signal: AbortSignal;
}

/**
 * Yields the record batches of a shard, in order, after the steps in front of the model. While the steps run,
 * the next record batch is decoded.
 *
 * @throws errors of a step, with the rows of the shard that the step got
 */
export async function* prepareBatches(
  batches: AsyncIterable<RecordBatch>,
  { steps, lease, unreadable, signal }: PrepareOptions,
): AsyncGenerator<PreparedRows, void, undefined> {
  const numbered = numberRows(batches, unreadable);
  if (steps === null) return yield* numbered;
  yield* mapInOrder(
    inPieces(numbered, (rows) => steps.pieceRows(rows)),
    () => steps.atOnce,
    async ({ batch, failed, ...rows }) => {
      const run = (readable: RecordBatch) => steps.run(readable, lease.shard, signal);
      const stepped = await stepReadable(batch, failed, run).catch((error: unknown) => {
        throw stepFailedAt(error, lease, rows.sourceStart, rows.sourceEnd);
      });
      if (stepped.sources !== null) freeBatch(batch);
      return { ...rows, ...stepped };
    },
  );
}

async function* numberRows(
  batches: AsyncIterable<RecordBatch>,
  unreadable: UnreadableRows | undefined,
): AsyncGenerator<PreparedRows, void, undefined> {
  let sourceStart = 0;
  for await (const batch of batches) {
    const sourceEnd = sourceStart + batch.numRows;
    const failed = unreadable?.take(sourceStart, sourceEnd) ?? [];
    yield { batch, sourceStart, sourceEnd, sources: null, failed, noted: NO_NOTED_ROWS };
    sourceStart = sourceEnd;
  }
}

/** Cuts record batches into pieces of limited rows. A batch that is cut is copied, then freed. */
async function* inPieces(
  batches: AsyncIterable<PreparedRows>,
  pieceRows: (rows: number) => number,
): AsyncGenerator<PreparedRows, void, undefined> {
  for await (const rows of batches) {
    const { batch, sourceStart, failed } = rows;
    const most = pieceRows(batch.numRows);
    if (batch.numRows <= most) {
      yield rows;
      continue;
    }
    for (let start = 0; start < batch.numRows; start += most) {
      const end = Math.min(start + most, batch.numRows);
      const place = { sourceStart: sourceStart + start, sourceEnd: sourceStart + end };
      const inPiece = failed.filter(({ row }) => row >= start && row < end);
      const shifted = inPiece.map((failure) => ({ ...failure, row: failure.row - start }));
      yield { ...rows, ...place, batch: plainCopy(batch, start, end), failed: shifted };
    }
    freeBatch(batch);
  }
}
