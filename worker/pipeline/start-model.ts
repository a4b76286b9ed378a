import { differsByRun, runsAlone } from "../../shared/domain/open-dims.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import { BatchSizer, type LearnedBatch } from "../batch/batch-sizer.ts";
import { rowsInMemory } from "../batch/bounds.ts";
import { BufferPool } from "../batch/buffer-pool.ts";
import { watchGrowth } from "../batch/memory-growth.ts";
import { DeepLanes } from "../lanes/deep-lanes.ts";
import type { Lanes } from "../lanes/lanes.ts";
import type { ModelLanes } from "./run-batches.ts";

/**
 * Least batches of a shard for each lane, while the batch size is searched. With fewer, lanes wait until the
 * whole shard is decoded, and then for the last batch.
 */
const BATCHES_OF_SHARD = 4;

interface StartOptions {
  /** Threads that feed these lanes, including this one. */
  readonly shardThreads: number;
  /** Batch sizes that an earlier run learned. */
  readonly learned: LearnedBatch;
  readonly onLearned: (learned: LearnedBatch) => void;
  /** Returns the rows of the largest shard so far. */
  readonly largestShard: () => number;
}

/** Lanes of one model in this thread, and their batch size. */
export interface StartedModel extends ModelLanes {
  readonly lanes: DeepLanes;
  readonly sizer: BatchSizer;
}

/** Starts what feeds the lanes of one model. */
export function startModel(
  given: Lanes & Disposable,
  { map, batchRows, batchTokens }: Pick<JobDescription, "map" | "batchRows" | "batchTokens">,
  { shardThreads, learned, onLearned, largestShard }: StartOptions,
): StartedModel {
  const lanes = new DeepLanes(given, shardThreads);
  const sizer = new BatchSizer({
    rows: batchRows,
    tokens: batchTokens,
    fixedRows: map.fixedBatchRows,
    isAlone: map.outputs.some(runsAlone),
    memoryRows: rowsInMemory(map),
    shardRows: () => {
      const rows = largestShard();
      return rows === 0 ? null : Math.ceil(rows / (BATCHES_OF_SHARD * lanes.count));
    },
    // The rows of a model with states wait for each other.
    groupsRuns: map.state === undefined && !differsByRun(map),
    oneRun: differsByRun(map),
    mayGrow: watchGrowth(),
    learned,
    onLearned,
  });
  const pool = new BufferPool(lanes.mostInFlight * (map.inputs.length + (map.state?.length ?? 0)));
  return { lanes, inFlight: () => lanes.inFlight, sizer, pool };
}
