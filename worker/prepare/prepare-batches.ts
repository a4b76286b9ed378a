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

/** A record batch as the map is given it, and which rows of the shard it was made of. */
interface PreparedRows extends RowOrigin {
  readonly batch: RecordBatch;
}

interface PrepareOptions {
  /** Null: the job prepares nothing. */
  readonly steps: Pick<StageSteps, "atOnce" | "pieceRows" | "run"> | null;
  readonly lease: Pick<Lease, "shard" | "slices">;
  /** The rows that could not be read, of those that were. Left out: there can be none. */
  readonly unreadable?: UnreadableRows | undefined;
  readonly signal: AbortSignal;
}

/**
 * The record batches of a shard, in order, as the map is given them. While some are with the steps, the next
 * is decoded.
 *
 * @throws whatever a step throws, with the rows of the shard that it was given
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
      const run = (readable: RecordBatch) => steps.run(readable, signal);
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

/** Record batches in pieces of so many rows; those that are cut are copied, and let go. */
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
