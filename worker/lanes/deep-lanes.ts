import type { TensorData } from "../../shared/domain/tensor.ts";
import type { InferResult, Lanes } from "./lanes.ts";

/**
 * The longest that a shard thread is away from its lanes: while it decodes one record batch of 8 MiB, or
 * opens a file. A lane must have work for that long. Longer would be memory for nothing.
 */
const AWAY_MS = 30;

/**
 * Batches at a lane: one that runs and one behind it, or as many short ones as fill the time; each costs a
 * message.
 */
const DEPTH = { least: 2, most: 8 };

/**
 * Inputs and outputs of the batches at one lane, beyond the least depth: what large batches may not go over.
 */
const DEPTH_BYTES = 64 << 20;

/** How much one batch changes what is known of all: the last ten or so count. */
const NEWEST_WEIGHT = 0.2;

/**
 * Lanes that remember how long batches take, and so tell how many to keep with them for none to ever be idle.
 */
export class DeepLanes implements Lanes, Disposable {
  readonly #lanes: Lanes & Disposable;
  readonly #feeders: number;
  #runMs: number | null = null;
  #batchBytes = 0;

  /** @param feeders threads that feed these lanes: each keeps its share of the batches there */
  constructor(lanes: Lanes & Disposable, feeders: number) {
    this.#lanes = lanes;
    this.#feeders = feeders;
  }

  get count(): number {
    return this.#lanes.count;
  }

  /** Batches that one thread should keep at the lanes, all together. */
  get inFlight(): number {
    return this.count * Math.ceil(this.#depth / this.#feeders);
  }

  /** The most that `inFlight` will ever be. */
  get mostInFlight(): number {
    return this.count * Math.ceil(DEPTH.most / this.#feeders);
  }

  async infer(
    feeds: Readonly<Record<string, TensorData>>,
    outputs: readonly string[],
    signal: AbortSignal,
  ): Promise<InferResult> {
    const result = await this.#lanes.infer(feeds, outputs, signal);
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
