import { freeBuffers } from "../../shared/core/free-buffers.ts";
import { mapInOrder } from "../../shared/core/map-in-order.ts";
import type { MapBinding } from "../../shared/domain/map-binding.ts";
import { rowShapeOf } from "../../shared/domain/row-shape.ts";
import type { Batch } from "../batch/batch.ts";
import type { BatchOutcome, BatchRunner } from "../batch/batch-runner.ts";
import type { BatchSizer } from "../batch/batch-sizer.ts";
import { cutBatches } from "../batch/batcher.ts";
import type { BufferPool } from "../batch/buffer-pool.ts";
import { cutUnevenBatches } from "../batch/uneven-batcher.ts";
import { buffersOf } from "../lanes/lane-protocol.ts";
import type { Lanes } from "../lanes/lanes.ts";
import type { BusyMeter } from "../meter/busy-meter.ts";
import type { InputChunk } from "../tensorize/input-chunk.ts";

/** Lanes of one model, and what makes batches for them. */
export interface ModelLanes {
  readonly lanes: Lanes;
  /** Returns the limit of batches at the lanes. */
  readonly inFlight: () => number;
  readonly sizer: Pick<BatchSizer, "nextRows" | "observe" | "outOfMemory" | "runRows">;
  readonly pool: BufferPool;
}

interface CutOptions extends Pick<ModelLanes, "sizer"> {
  readonly map: MapBinding;
  /** Called when all chunks were read, or soon will be. */
  readonly onRead: () => void;
}

/**
 * Cuts chunks into batches for a model: in input order, or by length.
 *
 * @param read returns the chunks, and calls its argument after the last one
 */
export function cutForModel(
  read: (onEnd: () => void) => AsyncIterable<InputChunk>,
  { map, sizer, onRead }: CutOptions,
): AsyncGenerator<Batch, void, undefined> {
  if (rowShapeOf(map) === "even") return cutBatches(read(onRead), () => sizer.nextRows(null));
  // Reading is ahead of the batches here. The next shard waits for the batches.
  return cutUnevenBatches(
    read(() => {}),
    {
      mostRows: (length) => sizer.nextRows(length),
      runRows: map.fixedBatchRows,
      onNearEnd: onRead,
    },
  );
}

interface RunBatchesOptions {
  readonly runner: Pick<BatchRunner, "run">;
  readonly inFlight: () => number;
  readonly meter: BusyMeter;
  /** Aborted with the error of a batch that fails. */
  readonly stop: AbortController;
  readonly signal: AbortSignal;
  /** Called when a batch has run, in any order. */
  readonly onRun?: (outcomes: readonly BatchOutcome[]) => void;
}

/**
 * Factor for batches that are done and wait for an earlier one, relative to those at the lanes. With few
 * cores, the system may delay one lane, and the others must stay busy.
 */
const BEHIND_SLOWEST = 2;

/** Runs batches at the lanes, and collects their outcomes in order. Frees the outputs. */
export async function runBatches(
  batches: AsyncIterable<Batch>,
  { runner, inFlight, meter, stop, signal, onRun = () => {} }: RunBatchesOptions,
  collect: (outcomes: readonly BatchOutcome[]) => void,
): Promise<void> {
  const stopOn = (error: unknown): never => {
    stop.abort(error);
    throw error;
  };
  const runBatch = async (batch: Batch): Promise<readonly BatchOutcome[]> => {
    const outcomes = await runner.run(batch).catch(stopOn);
    onRun(outcomes);
    return outcomes;
  };
  const held = () => BEHIND_SLOWEST * inFlight();
  for await (const outcomes of mapInOrder(batches, held, runBatch, inFlight)) {
    signal.throwIfAborted();
    try {
      meter.time("collect", () => collect(outcomes));
      freeOutputs(outcomes);
    } catch (error) {
      stopOn(error);
    }
  }
}

/** Frees outputs, which were copied. */
function freeOutputs(outcomes: readonly BatchOutcome[]): void {
  for (const outcome of outcomes) if (outcome.kind === "mapped") freeBuffers(buffersOf(outcome.outputs));
}
