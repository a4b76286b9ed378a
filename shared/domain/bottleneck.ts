import type { BatchInUse } from "./batch-in-use.ts";
import { STAGES, type StageShares } from "./worker.ts";

/**
 * Limits of a run: a stage of the shards, or a reason why workers are idle.
 *
 * | not a stage | means |
 * |---|---|
 * | start | most of the time passed before the first rows: workers connected, models loaded |
 * | shards | workers are idle while others finish: there are too few shards |
 * | coordinator | workers wait for leases or commits, or the coordinator itself is always busy |
 * | reduce | most of the time passed after the last shard, in the reductions and publishing |
 */
export const BOTTLENECKS = [...STAGES, "start", "shards", "coordinator", "reduce"] as const;
export type Bottleneck = (typeof BOTTLENECKS)[number];

/** Limit of a run, and advice. Covers the last seconds of a running job, and the whole of an ended one. */
export interface RunVerdict {
  /** Limit of the run. Null: not yet known. */
  readonly bottleneck: Bottleneck | null;
  /** Mean busy share of each stage, 0 to 1, over all workers since their first rows. Waiting is not busy. */
  readonly stages: StageShares;
  /** Share of padding in the positions that lanes ran. Null: rows are even. */
  readonly padding: number | null;
  /** Batch size and its bound, as a worker last reported them. Null: no batch ran. */
  readonly batch: BatchInUse | null;
  /**
   * One sentence that says how to make the run faster. Null: nothing limits the run, or the limit is unknown.
   */
  readonly advice: string | null;
}

/** Verdict of a job that has not run here. */
export const NO_VERDICT: RunVerdict = {
  bottleneck: null,
  stages: {},
  padding: null,
  batch: null,
  advice: null,
};
