import type { Logger } from "../../shared/core/log.ts";
import type { ConcreteDevice } from "../../shared/domain/device.ts";
import type { JobDescription } from "../../shared/domain/job.ts";
import { batchLimit } from "../batch/batch-limit.ts";
import { chooseLanes, type LaneFigure } from "../lanes/choose-lanes.ts";
import type { LanePlan } from "../lanes/lane-plan.ts";
import { type LaneSet, startLanes } from "../lanes/lane-set.ts";
import { estimateRate, tryLanes } from "../lanes/lane-trial.ts";
import { planTrial, TRIAL_STEPS } from "../lanes/trial-feeds.ts";
import type { JobTuning } from "../tuning/job-tuning.ts";

export interface OpenLanesOptions {
  readonly job: Pick<JobDescription, "map" | "batchRows" | "rowsInput">;
  readonly modelPath: string;
  readonly device: ConcreteDevice;
  readonly usual: LanePlan;
  /** Empty: the usual plan is taken. */
  readonly others: readonly LanePlan[];
  readonly tuning: JobTuning;
  /** See `startLanes`. */
  readonly script: URL | undefined;
  readonly log: Logger;
}

/**
 * Starts the lanes of a job: those that an earlier run found to be the fastest, else those that are now,
 * where there is a choice.
 *
 * @throws as `startLanes` does
 */
export async function openLanes(
  options: OpenLanesOptions,
): Promise<{ readonly plan: LanePlan; readonly lanes: LaneSet }> {
  const { job, modelPath, device, usual, others, tuning, log, script } = options;
  const start = (plan: LanePlan) =>
    startLanes({ modelPath, device, ...plan, ...(script === undefined ? {} : { script }) });
  const plans = [usual, ...others];
  const known = others.length === 0 ? usual : await tuning.recallPlan(plans);
  if (known !== null) {
    if (others.length > 0) log.info({ lanes: textOf(known) }, "lanes x threads as measured before");
    return { plan: known, lanes: await start(known) };
  }
  const { fixedBatchRows } = job.map;
  const trial = {
    batch: planTrial(job.map),
    givenRows: fixedBatchRows ?? (job.batchRows === "auto" ? null : job.batchRows),
    mostRows: batchLimit({ map: job.map, batchTokens: "auto" })(TRIAL_STEPS),
    nowMs: () => performance.now(),
  };
  const choice = await chooseLanes({
    usual,
    others,
    rowsInput: job.rowsInput,
    start,
    estimate: (lanes, isEnough) => estimateRate(lanes, trial, isEnough),
    measure: (lanes) => tryLanes(lanes, trial),
  });
  if (choice.figures.length > 0) {
    log.info(
      { lanes: textOf(choice.plan), rowsPerSecond: tableOf(choice.figures) },
      "lanes x threads measured",
    );
    await tuning.rememberPlan(plans, choice.plan);
  }
  return choice;
}

function tableOf(figures: readonly LaneFigure[]): Record<string, number> {
  return Object.fromEntries(
    figures.map(({ plan, rowsPerSecond }) => [textOf(plan), Math.round(rowsPerSecond)]),
  );
}

function textOf({ lanes, threads, spinning }: LanePlan): string {
  return `${lanes} x ${threads}${spinning ? " spinning" : ""}`;
}
