import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { errorToData, isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import { isPoisoned } from "../../shared/dataset/input-errors.ts";
import type { JobDescription, Lease } from "../../shared/domain/job.ts";
import type { MapPlan } from "../../shared/domain/map-plan.ts";
import { type PartialManifest, partialFolder } from "../../shared/domain/partial.ts";
import { dtypeBytes } from "../../shared/domain/tensor.ts";
import { type Token, tokenKey } from "../../shared/domain/token.ts";
import { type BatchSizer, createBatchSizer } from "../infer/batch-sizer.ts";
import type { Lanes } from "../infer/lanes.ts";
import { BufferPool } from "./buffer-pool.ts";
import type { BusyMeter } from "./busy-meter.ts";
import type { ShardResult } from "./collect.ts";
import type { DataStore } from "./data-stores.ts";
import { InputFiles } from "./input-files.ts";
import { Lock } from "./lock.ts";
import { openSharedSink, openUploadSink, type PartialSink } from "./partial-sink.ts";
import { BATCHES_PER_LANE, mapShard } from "./run-shard.ts";
import type { ShardEvent } from "./shard-protocol.ts";
import { writePartial } from "./write-partial.ts";

/**
 * Inputs and outputs of one batch, at most, while the batch size is searched for. Several are in flight; larger ones gain
 * nothing on any device known, and on a small machine they would not fit.
 */
const BATCH_BYTES = 64 << 20;

/** How often progress of one shard is told: a heartbeat carries it on every few seconds. */
const PROGRESS_MS = 200;

export interface ShardRoomOptions {
  readonly job: JobDescription;
  readonly input: DataStore;
  readonly output: DataStore;
  readonly lanes: Lanes & Disposable;
  readonly scratchPath: string;
  readonly meter: BusyMeter;
  readonly nowMs: () => number;
  readonly emit: (event: ShardEvent) => void;
}

/**
 * One job in a shard thread: its stores, its lanes, and the shards at work. Two shards overlap: while one's last batches
 * are inferred and written, the next is read. Reading itself is one at a time, in the order of the leases.
 */
export class ShardRoom implements AsyncDisposable {
  readonly #options: ShardRoomOptions;
  readonly #files: InputFiles;
  readonly #sizer: BatchSizer;
  readonly #pool: BufferPool;
  readonly #readLock = new Lock();
  readonly #running = new Map<string, { readonly stop: AbortController; readonly ended: Promise<void> }>();

  constructor(options: ShardRoomOptions) {
    const { job, input, lanes, meter } = options;
    this.#options = options;
    this.#files = new InputFiles({ store: input.store, meter });
    this.#sizer = createBatchSizer({
      rows: job.batchRows,
      fixedRows: job.map.fixedBatchRows,
      maxRows: job.batchRows === "auto" ? maxBatchRows(job.map) : job.batchRows,
    });
    this.#pool = new BufferPool(lanes.count * BATCHES_PER_LANE * job.map.inputs.length);
  }

  /** Starts a shard; what becomes of it is told by events. */
  start(lease: Lease, executionId: string): void {
    const stop = new AbortController();
    const key = tokenKey(lease.token);
    const ended = this.#runToEvent(lease, executionId, stop.signal).finally(() => this.#running.delete(key));
    this.#running.set(key, { stop, ended });
  }

  abandon(token: Token): void {
    this.#running.get(tokenKey(token))?.stop.abort(abandoned());
  }

  has(token: Token): boolean {
    return this.#running.has(tokenKey(token));
  }

  /** Abandons what runs, waits for it, and closes everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    const running = [...this.#running.values()];
    for (const { stop } of running) stop.abort(abandoned());
    await Promise.allSettled(running.map(({ ended }) => ended));
    this.#files[Symbol.dispose]();
    this.#options.lanes[Symbol.dispose]();
    await this.#options.input[Symbol.asyncDispose]();
    await this.#options.output[Symbol.asyncDispose]();
  }

  async #runToEvent(lease: Lease, executionId: string, signal: AbortSignal): Promise<void> {
    const { emit } = this.#options;
    const { token } = lease;
    try {
      const partial = await this.#run(lease, executionId, signal);
      emit({ kind: "shardDone", token, partial });
    } catch (error) {
      if (signal.aborted) {
        emit({ kind: "abandoned", token });
        return;
      }
      emit({ kind: "shardFailed", token, error: errorToData(error) });
      if (isPoisoned(error)) emit({ kind: "broken", error: errorToData(error) });
    }
  }

  async #run(lease: Lease, executionId: string, signal: AbortSignal): Promise<PartialManifest> {
    const { job, meter } = this.#options;
    const result = await this.#map(lease, signal);
    const scratchPath = await mkdtemp(join(this.#options.scratchPath, "shard-"));
    try {
      const sink = await this.#openSink(lease, executionId, scratchPath);
      return await writePartial(result, { job, lease, executionId, sink, scratchPath, meter, signal });
    } finally {
      await rm(scratchPath, { recursive: true, force: true });
    }
  }

  async #map(lease: Lease, signal: AbortSignal): Promise<ShardResult> {
    const { job, lanes, meter, emit } = this.#options;
    const { token } = lease;
    const leave = await this.#readLock.enter(signal);
    let read = false;
    try {
      const file = await this.#files.take(lease.file, signal);
      const result = await mapShard({
        job,
        lease,
        file,
        lanes,
        sizer: this.#sizer,
        pool: this.#pool,
        meter,
        signal,
        onRead: () => {
          read = true;
          leave();
          emit({ kind: "shardRead", token });
        },
        onProgress: this.#progressOf(token),
      });
      await this.#files.confirm(lease.file, signal);
      return result;
    } catch (error) {
      // A file that is being written looks corrupt.
      if (isShardmillError(error, "INPUT_CORRUPT")) await this.#files.confirm(lease.file, signal);
      throw error;
    } finally {
      if (!read) this.#files.drop(lease.file.path);
      leave();
    }
  }

  #openSink(lease: Lease, executionId: string, scratchPath: string): Promise<PartialSink> {
    const { job, output } = this.#options;
    const folder = partialFolder({ shard: lease.shard.id, token: lease.token, executionId });
    return output.kind === "shared"
      ? openSharedSink(job.partialsPath, folder)
      : openUploadSink(output.store, job.partialsPath, folder, scratchPath);
  }

  #progressOf(token: Token): (rowsDone: number) => void {
    const { nowMs, emit } = this.#options;
    let toldMs = -Infinity;
    return (rowsDone) => {
      if (nowMs() - toldMs < PROGRESS_MS) return;
      toldMs = nowMs();
      emit({ kind: "progress", token, rowsDone });
    };
  }
}

function maxBatchRows({ inputs, outputs }: MapPlan): number {
  const tensors = new Map(outputs.map((output) => [output.tensor, output]));
  const rowBytes = [...inputs, ...tensors.values()].reduce(
    (bytes, { rowValues, dtype }) => bytes + rowValues * dtypeBytes(dtype),
    0,
  );
  return Math.max(1, Math.floor(BATCH_BYTES / Math.max(1, rowBytes)));
}

function abandoned(): ShardmillError {
  return new ShardmillError("INTERRUPTED", "the shard is abandoned");
}
