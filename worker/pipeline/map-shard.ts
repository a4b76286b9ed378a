import { setMaxListeners } from "node:events";
import type { RecordBatch, Schema } from "apache-arrow";
import { ShardmillError } from "../../shared/core/errors.ts";
import { freeBatch } from "../../shared/dataset/free-batch.ts";
import type { Lease } from "../../shared/domain/job.ts";
import { shardRows } from "../../shared/domain/shard.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import type { Batch } from "../batch/batch.ts";
import { BatchRunner, PASSING_RUNNER } from "../batch/batch-runner.ts";
import { wholeChunks } from "../batch/batcher.ts";
import { TurnBatcher } from "../batch/turn-batcher.ts";
import { Collector, type MappedShard } from "../collect/collector.ts";
import type { BusyMeter } from "../meter/busy-meter.ts";
import { prepareBatches, type StepsInTurn } from "../prepare/prepare-batches.ts";
import type { ShardRows } from "../read/shard-input.ts";
import type { StageSteps } from "../steps/stage-steps.ts";
import { InputChunk } from "../tensorize/input-chunk.ts";
import { cutForModel, type ModelLanes, runBatches } from "./run-batches.ts";

export interface MapShardOptions {
  readonly job: Pick<JobDescription, "map">;
  readonly lease: Pick<Lease, "shard" | "slices">;
  /** Rows of the shard. */
  readonly input: ShardRows;
  /** Steps in front of the model, in order. Empty: the job has none. */
  readonly steps: readonly (StepsInTurn & Pick<StageSteps, "schemaOf">)[];
  /** Null: the job has no model, so rows pass from `prepare` to `finish`. */
  readonly model: ModelLanes | null;
  readonly meter: BusyMeter;
  readonly signal: AbortSignal;
  /** Called when the first rows are decoded. Resolves when the previous shard has passed on all rows. */
  readonly turn: () => Promise<void>;
  /** Called when all input was read and passed on, or soon will be. */
  readonly onRead: () => void;
  readonly onProgress: (rowsDone: number) => void;
}

/**
 * Maps the rows of a shard: read, batch, tensorize, infer, collect. Memory holds a window of a few record
 * batches of input, and the whole output, which the shard's size bounds.
 *
 * @throws {INPUT_CORRUPT} {INPUT_UNSUPPORTED} {INPUT_CHANGED} {MODEL_FAILED} {MODEL_SHAPE} {OUT_OF_MEMORY}
 * @throws {STORE_FAILED}
 */
export async function mapShard(options: MapShardOptions): Promise<MappedShard> {
  const { job, lease, model, meter, signal, onProgress } = options;
  // A failed batch stops the reading, and the batches at the lanes.
  const stop = new AbortController();
  const running = AbortSignal.any([signal, stop.signal]);
  // Each batch at the lanes listens. Node warns of a leak above ten listeners.
  setMaxListeners(0, running);
  const turns = startTurns(options, running);
  const collector = new Collector({
    map: job.map,
    schema: await schemaBehind(options),
    slices: lease.slices,
    shardRows: shardRows(lease.shard),
    onClosed: (chunk) => {
      turns?.close(chunk);
      freeBatch(chunk.batch);
    },
  });
  const runner =
    model === null ? PASSING_RUNNER : new BatchRunner({ ...model, map: job.map, meter, signal: running });
  const inFlight = model?.inFlight ?? (() => 1);
  const atLanes = { runner, inFlight, meter, stop, signal: running };
  const batches = cutInto({ ...options, signal: running }, collector, turns);
  try {
    await runBatches(batches, { ...atLanes, onRun: (outcomes) => turns?.report(outcomes) }, (outcomes) => {
      collector.collect(outcomes);
      onProgress(collector.rowsDone);
    });
    runner.checkSomeMapped();
    return collector.finish();
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    stop.abort(new ShardmillError("INTERRUPTED", "the shard has ended"));
  }
}

/** Returns the schema of the rows behind all steps. */
async function schemaBehind({ input, steps, signal }: MapShardOptions): Promise<Schema> {
  let { schema } = input;
  for (const each of steps) schema = await each.schemaOf(schema, signal);
  return schema;
}

/** Batches at a lane of a model with states: one runs, and one is built from previous outputs. */
const TURNS_OF_LANE = 2;

/** Starts a turn batcher. Null: rows do not depend on each other. */
function startTurns({ job, model }: MapShardOptions, signal: AbortSignal): TurnBatcher | null {
  if (job.map.state === undefined || model === null) return null;
  const { sizer, lanes } = model;
  const nextRows = () => sizer.nextRows(null);
  return new TurnBatcher({ nextRows, atOnce: () => TURNS_OF_LANE * lanes.count, signal });
}

/** Cuts batches as the model needs them: in turns for a model with states. Without a model: whole. */
function cutInto(
  options: MapShardOptions,
  collector: Collector,
  turns: TurnBatcher | null,
): AsyncGenerator<Batch, void, undefined> {
  const { job, model, onRead } = options;
  if (model === null) return wholeChunks(readChunks(options, collector, onRead));
  if (turns !== null) return turns.cut(readChunks(options, collector, onRead));
  return cutForModel((onEnd) => readChunks(options, collector, onEnd), { map: job.map, ...model, onRead });
}

/** Reads the shard's rows. */
async function* readBatches({
  job,
  input,
  meter,
  signal,
}: MapShardOptions): AsyncGenerator<RecordBatch, void, undefined> {
  const batches = input.read(job.map.columns, signal)[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await meter.timeDecode(() => batches.next());
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await batches.return?.();
  }
}

/** Yields the shard in chunks. The collector knows each chunk before any of its rows can return. */
async function* readChunks(
  options: MapShardOptions,
  collector: Collector,
  onEnd: () => void,
): AsyncGenerator<InputChunk> {
  const { job, meter, signal, turn } = options;
  const batches = prepareBatches(readBatches(options), { ...options, unreadable: options.input.unreadable })[
    Symbol.asyncIterator
  ]();
  let place = 0;
  try {
    let next = await batches.next();
    await turn();
    for (; next.done !== true; next = await batches.next()) {
      signal.throwIfAborted();
      const { batch, ...origin } = next.value;
      const chunk = meter.time("tensorize", () => new InputChunk(batch, place, job.map.inputs, origin));
      place += chunk.rows;
      collector.open(chunk);
      yield chunk;
    }
  } finally {
    await batches.return(undefined);
  }
  onEnd();
}
