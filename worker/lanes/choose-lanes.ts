import { isShardmillError } from "../../shared/core/errors.ts";
import type { LanePlan } from "./lane-plan.ts";
import { connectLanes } from "./lane-pool.ts";
import type { LaneSet } from "./lane-set.ts";
import type { Lanes } from "./lanes.ts";

export interface ChooseLanesOptions {
  /** What is taken unless another is measured to be faster. */
  readonly usual: LanePlan;
  readonly others: readonly LanePlan[];
  /** Of the whole input. */
  readonly rowsInput: number;
  readonly start: (plan: LanePlan) => Promise<LaneSet>;
  /** Rows a second, roughly and soon; null where that cannot be told (see `estimateRate`). */
  readonly estimate: (lanes: Lanes, isEnough: (rowsPerSecond: number) => boolean) => Promise<number | null>;
  /** Rows a second; null where that cannot be told (see `tryLanes`). */
  readonly measure: (lanes: Lanes) => Promise<number | null>;
}

export interface LaneChoice {
  readonly plan: LanePlan;
  readonly lanes: LaneSet;
  /** What was measured, the usual plan first; empty where nothing was compared. */
  readonly figures: readonly LaneFigure[];
}

export interface LaneFigure {
  readonly plan: LanePlan;
  readonly rowsPerSecond: number;
}

/**
 * A trial loads the model anew for each plan: one that takes longer than this to load is taken as it usually
 * is.
 */
const SLOW_LOAD_MS = 2_000;
/**
 * A job shorter than this gains less than the trial costs: two seconds or so, for a plan that seldom is
 * faster by a tenth. Its start would be felt; that of a longer one is not.
 */
const WORTH_MS = 120_000;
/** Within this a difference is chance, and the usual plan wins: its lanes do not wait for each other. */
const TIE = 1.05;

/**
 * Starts the lanes with which the model runs most rows a second. One set of lanes at a time is up, so that
 * measuring takes no more memory than running does.
 *
 * @throws what `start` throws for the usual plan, and for the one chosen
 */
export async function chooseLanes(options: ChooseLanesOptions): Promise<LaneChoice> {
  const { usual, others, rowsInput, start } = options;
  const lanes = await start(usual);
  const asUsual: LaneChoice = { plan: usual, lanes, figures: [] };
  if (others.length === 0 || lanes.loadMs > SLOW_LOAD_MS) return asUsual;
  const isWorth = (rate: number | null) => rate !== null && (rowsInput / rate) * 1000 >= WORTH_MS;
  const usualRate = await onLanes(lanes, async (connected) =>
    isWorth(await options.estimate(connected, (rate) => !isWorth(rate)))
      ? await options.measure(connected)
      : null,
  ).catch(async (error: unknown) => {
    await lanes[Symbol.asyncDispose]();
    throw error;
  });
  if (usualRate === null || !isWorth(usualRate)) return asUsual;
  await lanes[Symbol.asyncDispose]();
  const figures: LaneFigure[] = [{ plan: usual, rowsPerSecond: usualRate }];
  for (const plan of others) figures.push({ plan, rowsPerSecond: await tryPlan(plan, options) });
  const best = figures.reduce((first, next) => (next.rowsPerSecond > first.rowsPerSecond ? next : first));
  // A lucky moment of one trial is not to decide for a week: what is not usual must win twice.
  const isUsual =
    best.rowsPerSecond <= usualRate * TIE ||
    (await tryPlan(usual, options)) * TIE >= (await tryPlan(best.plan, options));
  const plan = isUsual ? usual : best.plan;
  return { plan, lanes: await start(plan), figures };
}

/** Zero for a plan that does not even start here. */
async function tryPlan(plan: LanePlan, options: ChooseLanesOptions): Promise<number> {
  try {
    await using lanes = await options.start(plan);
    return (await onLanes(lanes, options.measure)) ?? 0;
  } catch (error) {
    if (isShardmillError(error, "WORKER_DIED")) throw error;
    return 0;
  }
}

async function onLanes<T>(lanes: LaneSet, use: (connected: Lanes) => Promise<T>): Promise<T> {
  using pool = connectLanes(lanes.connect());
  return await use(pool);
}
