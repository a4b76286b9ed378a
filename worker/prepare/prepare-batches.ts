import type { RecordBatch } from "apache-arrow";
import { mapInOrder } from "../../shared/core/map-in-order.ts";
import { freeBatch } from "../../shared/dataset/free-batch.ts";
import { plainCopy } from "../../shared/dataset/plain-batch.ts";
import type { Lease } from "../../shared/domain/job.ts";
import { mapNoted, NO_NOTED_ROWS } from "../../shared/steps/noted-rows.ts";
import type { UnreadableRows } from "../read/unreadable-rows.ts";
import { stepRows } from "../steps/failed-rows.ts";
import type { StageSteps } from "../steps/stage-steps.ts";
import { stepFailedAt } from "../steps/step-failed-at.ts";
import type { RowOrigin } from "../tensorize/input-chunk.ts";

/** Record batch for the map, with its source rows in the shard. */
interface PreparedRows extends RowOrigin {
  readonly batch: RecordBatch;
}

/** Steps that run together, on pieces of record batches. */
export type StepsInTurn = Pick<StageSteps, "atOnce" | "pieceRows" | "run">;

interface PrepareOptions {
  /** Steps in front of the model, in order. Empty: the job has none. */
  readonly steps: readonly StepsInTurn[];
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
  { steps, unreadable, ...options }: PrepareOptions,
): AsyncGenerator<PreparedRows, void, undefined> {
  let rows: AsyncIterable<PreparedRows> = numberRows(batches, unreadable);
  for (const each of steps) rows = behindSteps(rows, each, options);
  yield* rows;
}

function behindSteps(
  batches: AsyncIterable<PreparedRows>,
  steps: StepsInTurn,
  { lease, signal }: Pick<PrepareOptions, "lease" | "signal">,
): AsyncGenerator<PreparedRows, void, undefined> {
  return mapInOrder(
    inPieces(batches, (rows) => steps.pieceRows(rows)),
    () => steps.atOnce,
    async ({ sourceStart, sourceEnd, ...given }) => {
      // Columns that pass a step without a change share the memory of the batch.
      let isCopied = given.failed.length > 0;
      const run = async (live: RecordBatch) => {
        const next = await steps.run(live, lease.shard, signal);
        if (next.sources !== null) isCopied = true;
        return next;
      };
      const stepped = await stepRows(given, run).catch((error: unknown) => {
        throw stepFailedAt(error, lease, sourceStart, sourceEnd);
      });
      if (isCopied) freeBatch(given.batch);
      return { sourceStart, sourceEnd, ...stepped };
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

/**
 * Cuts record batches into pieces of limited rows. The parts of a row stay together, because they fail
 * together. A batch that is cut is copied, then freed.
 */
async function* inPieces(
  batches: AsyncIterable<PreparedRows>,
  pieceRows: (rows: number) => number,
): AsyncGenerator<PreparedRows, void, undefined> {
  for await (const rows of batches) {
    const { batch } = rows;
    const most = pieceRows(batch.numRows);
    if (batch.numRows <= most) {
      yield rows;
      continue;
    }
    for (let start = 0; start < batch.numRows; ) {
      let end = Math.min(start + most, batch.numRows);
      while (end < batch.numRows && sourceAt(rows, end) === sourceAt(rows, end - 1)) end += 1;
      yield pieceOf(rows, start, end);
      start = end;
    }
    freeBatch(batch);
  }
}

/** Returns a copy of the rows `[start, end)`, with those of the shard that became none of them. */
function pieceOf(rows: PreparedRows, start: number, end: number): PreparedRows {
  const { batch, sourceStart, sourceEnd, sources, failed, noted } = rows;
  const from = start === 0 ? 0 : sourceAt(rows, start);
  const to = end === batch.numRows ? sourceEnd - sourceStart : sourceAt(rows, end);
  const inPiece = failed.filter(({ row }) => row >= start && row < end);
  return {
    batch: plainCopy(batch, start, end),
    sourceStart: sourceStart + from,
    sourceEnd: sourceStart + to,
    sources: sources?.slice(start, end).map((row) => row - from) ?? null,
    failed: inPiece.map((failure) => ({ ...failure, row: failure.row - start })),
    noted: mapNoted(noted, (found) =>
      found.filter((row) => row >= from && row < to).map((row) => row - from),
    ),
  };
}

function sourceAt({ sources }: PreparedRows, row: number): number {
  return sources === null ? row : (sources[row] ?? 0);
}
