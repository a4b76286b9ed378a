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
/** How long all lanes run at once: long against one run, and short enough for a few such trials to go unnoticed. */
const TRIAL_MS = 250;
const LEAST_RUNS = 2;

/**
 * Rows a second of all lanes at once, each with one batch after the other.
 *
 * @returns null where the model is too slow for a trial, or fails on rows that mean nothing
 * @throws {WORKER_DIED} a lane is gone
 */
export async function tryLanes(lanes: Lanes, options: LaneTrialOptions): Promise<number | null> {
  try {
    const rows = options.givenRows ?? (await findRows(lanes, options));
    return rows === null ? null : await measureRate(lanes, rows, options);
  } catch (error) {
    if (isShardmillError(error, "WORKER_DIED")) throw error;
    return null;
  }
}

async function findRows(lanes: Lanes, { batch, mostRows }: LaneTrialOptions): Promise<number | null> {
  for (let rows = 1; ; rows = Math.min(rows * LEAP, mostRows)) {
    // Twice: the first run of a size also makes room for it.
    const first = await lanes.infer(batch.feeds(rows), batch.outputs);
    const { runMs } = await lanes.infer(first.feeds, batch.outputs);
    if (runMs >= SLOW_RUN_MS) return null;
    if (runMs >= RUN_MS || rows >= mostRows) return rows;
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
  const runOn = async (first: Readonly<Record<string, TensorData>>): Promise<number> => {
    let feeds = first;
    let runs = 0;
    while (runs < LEAST_RUNS || nowMs() - startMs < TRIAL_MS) {
      ({ feeds } = await lanes.infer(feeds, batch.outputs));
      runs += 1;
    }
    return (runs * rows * 1000) / (nowMs() - startMs);
  };
  const rates = await Promise.all(warmed.map(({ feeds }) => runOn(feeds)));
  return rates.reduce((total, rate) => total + rate, 0);
}
