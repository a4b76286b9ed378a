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
  /** Rows a second with which nothing more need be known. Left out: none is enough. */
  readonly enough?: number;
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
 * Rows a second of all lanes at once, each with one batch after the other. Where one lane alone is fast enough it is that
 * lane's: all of them are no slower, and a short job does not wait for more.
 *
 * @returns null where the model is too slow for a trial, or fails on rows that mean nothing
 * @throws {WORKER_DIED} a lane is gone
 */
export async function tryLanes(lanes: Lanes, options: LaneTrialOptions): Promise<number | null> {
  try {
    const found = await findRows(lanes, options);
    if (found === null) return null;
    return found.kind === "enough" ? found.rate : await measureRate(lanes, found.rows, options);
  } catch (error) {
    if (isShardmillError(error, "WORKER_DIED")) throw error;
    return null;
  }
}

type Found =
  | { readonly kind: "rows"; readonly rows: number }
  | { readonly kind: "enough"; readonly rate: number };

async function findRows(lanes: Lanes, options: LaneTrialOptions): Promise<Found | null> {
  const { batch, givenRows, mostRows, enough = Number.POSITIVE_INFINITY } = options;
  for (let rows = givenRows ?? 1; ; rows = Math.min(rows * LEAP, mostRows)) {
    // Twice: the first run of a size also makes room for it.
    const first = await lanes.infer(batch.feeds(rows), batch.outputs);
    if (givenRows !== null && first.runMs >= SLOW_RUN_MS) return null;
    const { runMs } = await lanes.infer(first.feeds, batch.outputs);
    if (runMs >= SLOW_RUN_MS) return null;
    const rate = (rows * 1000) / runMs;
    if (rate > enough) return { kind: "enough", rate };
    if (givenRows !== null || runMs >= RUN_MS || rows >= mostRows) return { kind: "rows", rows };
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
