import { present } from "../../shared/core/assert.ts";
import { isShardmillError } from "../../shared/core/errors.ts";
import type { TensorData } from "../../shared/domain/tensor.ts";
import type { Lanes } from "./lanes.ts";
import type { TrialBatch } from "./trial-feeds.ts";

export interface LaneTrialOptions {
  readonly batch: TrialBatch;
  /** The rows of a batch where they are given; null: as many as make a run long enough. */
  readonly givenRows: number | null;
  /** The most rows of a batch. */
  readonly mostRows: number;
  readonly nowMs: () => number;
}

/** A run this long is as fast, a row, as longer ones are, about; and many fit into the trial. */
const RUN_MS = 8;
/** Each size is this much larger than the one before, until a run is long enough. */
const LEAP = 4;
/** A model this slow is not worth a trial: a few runs would take longer than all the rest. */
const SLOW_RUN_MS = 1_000;
/**
 * How long all lanes run at once: long against one run, and short enough for a few such trials to go
 * unnoticed.
 */
const TRIAL_MS = 150;
const LEAST_RUNS = 4;
/**
 * Of all runs, this share are as quick as the one that counts, or quicker. The worker is still starting then,
 * and other work on the machine only ever makes a run slower; but the very quickest may have had the memory
 * bus to itself.
 */
const QUICK_SHARE = 0.25;

/**
 * Rows a second of all lanes at once, each with one batch after the other.
 *
 * @returns null where the model is too slow for a trial, or fails on rows that mean nothing
 * @throws {WORKER_DIED} a lane is gone
 */
export async function tryLanes(lanes: Lanes, options: LaneTrialOptions): Promise<number | null> {
  return await orNull(async () => {
    const found = await findRows(lanes, options);
    return found === null ? null : await measureRate(lanes, found.rows, options);
  });
}

/**
 * Rows a second, roughly, from single runs of one lane: to tell whether a trial is worth its time. Otherwise
 * as `tryLanes`.
 *
 * @param isEnough ends it with a rate that says all there is to know: larger batches are faster still, and
 * would leave the lanes with the memory that they took
 */
export async function estimateRate(
  lanes: Lanes,
  options: LaneTrialOptions,
  isEnough: (rowsPerSecond: number) => boolean,
): Promise<number | null> {
  const rateOf = ({ rows, runMs }: SizedRun) => (lanes.count * rows * 1000) / runMs;
  return await orNull(async () => {
    const found = await findRows(lanes, options, (run) => isEnough(rateOf(run)));
    return found === null ? null : rateOf(found);
  });
}

async function orNull(measure: () => Promise<number | null>): Promise<number | null> {
  try {
    return await measure();
  } catch (error) {
    if (isShardmillError(error, "WORKER_DIED")) throw error;
    return null;
  }
}

interface SizedRun {
  readonly rows: number;
  readonly runMs: number;
}

async function findRows(
  lanes: Lanes,
  { batch, givenRows, mostRows }: LaneTrialOptions,
  isEnough: (run: SizedRun) => boolean = () => false,
): Promise<SizedRun | null> {
  for (let rows = givenRows ?? 1; ; rows = Math.min(rows * LEAP, mostRows)) {
    // Twice: the first run of a size also makes room for it.
    const first = await lanes.infer(batch.feeds(rows), batch.outputs);
    if (first.runMs >= SLOW_RUN_MS) return null;
    const { runMs } = await lanes.infer(first.feeds, batch.outputs);
    if (isEnough({ rows, runMs }) || runMs >= RUN_MS || rows >= mostRows || givenRows !== null)
      return { rows, runMs };
  }
}

async function measureRate(
  lanes: Lanes,
  rows: number,
  { batch, nowMs }: LaneTrialOptions,
): Promise<number | null> {
  const warmed = await Promise.all(
    Array.from({ length: lanes.count }, () => lanes.infer(batch.feeds(rows), batch.outputs)),
  );
  if (warmed.some(({ runMs }) => runMs >= SLOW_RUN_MS)) return null;
  const startMs = nowMs();
  const runsMs: number[] = [];
  const runOn = async (first: Readonly<Record<string, TensorData>>): Promise<void> => {
    let feeds = first;
    for (let runs = 0; runs < LEAST_RUNS || nowMs() - startMs < TRIAL_MS; runs += 1) {
      const result = await lanes.infer(feeds, batch.outputs);
      feeds = result.feeds;
      runsMs.push(result.runMs);
    }
  };
  await Promise.all(warmed.map(({ feeds }) => runOn(feeds)));
  return (lanes.count * rows * 1000) / quickOf(runsMs);
}

function quickOf(runsMs: readonly number[]): number {
  const inOrder = runsMs.toSorted((a, b) => a - b);
  return present(inOrder[Math.floor(inOrder.length * QUICK_SHARE)], "lanes in a trial run at least once");
}
