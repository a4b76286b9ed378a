import type { BatchInUse } from "./batch-in-use.ts";
import { STAGES, type StageShares } from "./worker.ts";

/**
 * What limits a run: a stage of the shards that the workers are at, or what keeps them from being at any.
 *
 * | not a stage | means |
 * |---|---|
 * | start | most of the time went before the first rows: workers that come, models that load |
 * | shards | workers have nothing to do while others finish: there are too few shards |
 * | coordinator | workers wait for leases or commits, or the coordinator itself is busy all the time |
 * | reduce | most of the time went after the last shard, into the reductions and publishing |
 */
export const BOTTLENECKS = [...STAGES, "start", "shards", "coordinator", "reduce"] as const;
export type Bottleneck = (typeof BOTTLENECKS)[number];

/**
 * What limited a run, and what to change: over the last seconds while it runs, over all of it once it has
 * ended.
 */
export interface RunVerdict {
  /** Null until it is known. */
  readonly bottleneck: Bottleneck | null;
  /**
   * The mean busy share of each stage, 0 to 1, over the workers from their first rows on. Waiting counts as
   * not busy.
   */
  readonly stages: StageShares;
  /** The share of padded positions in what the lanes ran, where rows are of uneven lengths; else null. */
  readonly padding: number | null;
  /** The size of the batches, and what bounds it, as a worker last reported it; null where none ran. */
  readonly batch: BatchInUse | null;
  /** One sentence: what would make it faster. Null where nothing limits, or nothing is known. */
  readonly advice: string | null;
}

/** A job that has not run here. */
export const NO_VERDICT: RunVerdict = {
  bottleneck: null,
  stages: {},
  padding: null,
  batch: null,
  advice: null,
};
