import { ShardmillError } from "../../shared/core/errors.ts";
import type { DatasetFile } from "../../shared/dataset/dataset-file.ts";
import type { JobDescription, Lease } from "../../shared/domain/job.ts";
import { shardRows } from "../../shared/domain/shard.ts";
import type { BatchSizer } from "../infer/batch-sizer.ts";
import type { Lanes } from "../infer/lanes.ts";
import type { Batch } from "./batch.ts";
import { cutBatches } from "./batcher.ts";
import { BatchRunner } from "./bisect.ts";
import type { BufferPool } from "./buffer-pool.ts";
import type { BusyMeter } from "./busy-meter.ts";
import { Collector, type ShardResult } from "./collect.ts";
import { mapInOrder } from "./in-order.ts";
import { InputChunk } from "./input-chunk.ts";

/**
 * Batches in flight for each lane: one that runs and one that waits behind it, so that a lane never waits for this thread.
 * More would only be memory.
 */
export const BATCHES_PER_LANE = 2;

export interface MapShardOptions {
  readonly job: Pick<JobDescription, "map">;
  readonly lease: Pick<Lease, "shard" | "file">;
  /** Read by nobody else until `onRead` was called or this ended. */
  readonly file: DatasetFile;
  readonly lanes: Lanes;
  readonly sizer: BatchSizer;
  readonly pool: BufferPool;
  readonly meter: BusyMeter;
  readonly signal: AbortSignal;
  /** All input was handed on: the file may be read by another. */
  readonly onRead: () => void;
  readonly onProgress: (rowsDone: number) => void;
}

/**
 * Maps the rows of a shard: read, batch, tensorize, infer, collect. Input is held in a window of a few record batches; the
 * output, which a shard bounds, in memory.
 *
 * @throws {INPUT_CORRUPT} {INPUT_UNSUPPORTED} {INPUT_CHANGED} {MODEL_FAILED} {OUT_OF_MEMORY} {STORE_FAILED}
 */
export async function mapShard(options: MapShardOptions): Promise<ShardResult> {
  const { job, lease, file, lanes, sizer, pool, meter, signal } = options;
  // One failed batch stops the reading, and the batches at the lanes.
  const stop = new AbortController();
  const running = AbortSignal.any([signal, stop.signal]);
  const rows = shardRows(lease.shard);
  const { schema } = file;
  const collector = new Collector({ plan: job.map, schema, filePath: lease.file.path, shardRows: rows });
  const runner = new BatchRunner({ lanes, plan: job.map, sizer, pool, meter, signal: running });
  const chunks = readChunks({ ...options, signal: running }, collector);
  const batches = cutBatches(chunks, () => sizer.nextRows(null));
  const stopOn = (error: unknown): never => {
    stop.abort(error);
    throw error;
  };
  const runBatch = (batch: Batch) => runner.run(batch).catch(stopOn);
  try {
    for await (const segments of mapInOrder(batches, lanes.count * BATCHES_PER_LANE, runBatch)) {
      running.throwIfAborted();
      try {
        meter.time("collect", () => collector.collect(segments));
      } catch (error) {
        stopOn(error);
      }
      options.onProgress(collector.rowsDone);
    }
    runner.checkSomeMapped();
    return collector.finish();
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    stop.abort(new ShardmillError("INTERRUPTED", "the shard has ended"));
  }
}

/** The shard's input, piece by piece, each known to the collector before any of its rows can come back. */
async function* readChunks(options: MapShardOptions, collector: Collector): AsyncGenerator<InputChunk> {
  const { job, lease, file, meter, signal, onRead } = options;
  const { rowStart, rowEnd } = lease.shard;
  const batches = file.read({ rowStart, rowEnd, columns: job.map.columns, signal })[Symbol.asyncIterator]();
  let fileRow = rowStart;
  try {
    while (true) {
      const next = await meter.timeDecode(() => batches.next());
      if (next.done === true) break;
      signal.throwIfAborted();
      const chunk = meter.time("tensorize", () => new InputChunk(next.value, fileRow, job.map.inputs));
      fileRow += chunk.rows;
      if (fileRow > rowEnd) break;
      collector.open(chunk);
      yield chunk;
    }
  } finally {
    await batches.return?.();
  }
  if (fileRow !== rowEnd) throw wrongRows(file.path, rowEnd - rowStart, fileRow - rowStart);
  onRead();
}

function wrongRows(path: string, expected: number, found: number): ShardmillError {
  return new ShardmillError("INPUT_CHANGED", `${path} has ${found} rows where its plan says ${expected}`, {
    fields: { path, expected, found },
    hint: "the file was replaced since the job was planned: run the job again with --fresh",
  });
}
