import type { RecordBatch } from "apache-arrow";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import { mapInOrder } from "../../shared/core/map-in-order.ts";
import { freeBatch } from "../../shared/dataset/free-batch.ts";
import type { BusyMeter } from "../meter/busy-meter.ts";
import type { RowOrigin } from "../tensorize/input-chunk.ts";
import type { StepChain } from "./step-chain.ts";

/** While one record batch is with the steps, the next is decoded. */
const AHEAD = 2;

/** A record batch as the map is given it, and which rows of the shard it was made of. */
interface PreparedRows extends RowOrigin {
  readonly batch: RecordBatch;
}

interface PrepareOptions {
  /** Null: the job prepares nothing. */
  readonly steps: StepChain | null;
  readonly meter: BusyMeter;
  readonly signal: AbortSignal;
}

/**
 * The record batches of a shard, in order, as the map is given them.
 *
 * @throws {SQL_FAILED} and whatever a step throws, with the rows of the shard that it was given
 */
export async function* prepareBatches(
  batches: AsyncIterable<RecordBatch>,
  { steps, meter, signal }: PrepareOptions,
): AsyncGenerator<PreparedRows, void, undefined> {
  const numbered = numberRows(batches);
  if (steps === null) return yield* numbered;
  yield* mapInOrder(
    numbered,
    () => AHEAD,
    async ({ batch, ...rows }) => {
      const stepped = await meter
        .timeAsync("prepare", () => steps.run(batch, signal))
        .catch((error: unknown) => {
          throw atRows(error, rows);
        });
      if (stepped.sources !== null) freeBatch(batch);
      return { ...rows, ...stepped };
    },
  );
}

async function* numberRows(
  batches: AsyncIterable<RecordBatch>,
): AsyncGenerator<PreparedRows, void, undefined> {
  let sourceStart = 0;
  for await (const batch of batches) {
    const sourceEnd = sourceStart + batch.numRows;
    yield { batch, sourceStart, sourceEnd, sources: null };
    sourceStart = sourceEnd;
  }
}

function atRows(
  error: unknown,
  { sourceStart, sourceEnd }: Pick<PreparedRows, "sourceStart" | "sourceEnd">,
): unknown {
  if (!isShardmillError(error, "SQL_FAILED")) return error;
  const message = `${error.message} (in rows ${sourceStart} to ${sourceEnd} of the shard)`;
  return new ShardmillError("SQL_FAILED", message, {
    fields: { ...error.fields, sourceStart, sourceEnd },
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    cause: error,
  });
}
