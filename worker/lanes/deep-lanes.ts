import type { TensorData } from "../../shared/domain/tensor.ts";
import type { InferResult, Lanes } from "./lanes.ts";
import type { BatchRuns } from "./run-in-turn.ts";

/**
 * Longest absence of a shard thread: it decodes a record batch of 8 MiB, or opens a file. A lane needs queued
 * work for this time. More would waste memory.
 */
const AWAY_MS = 30;

/**
 * Limits of batches at a lane. At least one runs and one waits. More short ones may fill the time, but each
 * costs a message.
 */
const DEPTH = { least: 2, most: 8 };

/** Limit of the inputs and outputs at one lane, for batches beyond the least depth. */
const DEPTH_BYTES = 64 << 20;

/** Weight of one batch in the average run time, which covers about the last ten. */
const NEWEST_WEIGHT = 0.2;

/** Lanes that measure run times, and compute how many batches keep every lane busy. */
export class DeepLanes implements Lanes, Disposable {
  readonly #lanes: Lanes & Disposable;
  readonly #feeders: number;
  #runMs: number | null = null;
  #batchBytes = 0;

  /** @param feeders threads that feed these lanes. Each keeps its share of the batches there. */
  constructor(lanes: Lanes & Disposable, feeders: number) {
    this.#lanes = lanes;
    this.#feeders = feeders;
  }

  get count(): number {
    return this.#lanes.count;
  }

  /** Number of batches that one thread should keep at the lanes, all together. */
  get inFlight(): number {
    return this.count * Math.ceil(this.#depth / this.#feeders);
  }

  /** Upper limit of `inFlight`. */
  get mostInFlight(): number {
    return this.count * Math.ceil(DEPTH.most / this.#feeders);
  }

  async infer(
    feeds: Readonly<Record<string, TensorData>>,
    outputs: readonly string[],
    runs: BatchRuns | null,
    signal: AbortSignal,
  ): Promise<InferResult> {
    const result = await this.#lanes.infer(feeds, outputs, runs, signal);
    this.#observe(result);
    return result;
  }

  [Symbol.dispose](): void {
    this.#lanes[Symbol.dispose]();
  }

  get #depth(): number {
    if (this.#runMs === null) return DEPTH.least;
    const forTime = 1 + Math.ceil(AWAY_MS / Math.max(this.#runMs, 1e-3));
    const forBytes = Math.floor(DEPTH_BYTES / Math.max(this.#batchBytes, 1));
    return Math.max(DEPTH.least, Math.min(DEPTH.most, forTime, forBytes));
  }

  #observe({ runMs, feeds, outputs }: InferResult): void {
    const before = this.#runMs ?? runMs;
    this.#runMs = before + (runMs - before) * NEWEST_WEIGHT;
    this.#batchBytes = bytesOf(feeds) + bytesOf(outputs);
  }
}

function bytesOf(tensors: Readonly<Record<string, TensorData>>): number {
  return Object.values(tensors).reduce((bytes, { data }) => bytes + data.byteLength, 0);
}
