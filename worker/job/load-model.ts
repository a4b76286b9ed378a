import { NEVER } from "../../shared/core/abort.ts";
import { present } from "../../shared/core/assert.ts";
import { canonicalJson } from "../../shared/core/digest.ts";
import type { DeviceReport } from "../../shared/domain/accuracy.ts";
import type { ModelFile } from "../../shared/domain/job.ts";
import { modelDigest } from "../../shared/domain/model-digest.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import { checkDevice } from "../accuracy/check-device.ts";
import type { StageModel } from "../accuracy/open-cpu-stage.ts";
import type { LearnedBatch } from "../batch/batch-sizer.ts";
import { type LaneSet, startLanes } from "../lanes/lane-set.ts";
import { shouldShareSession } from "../lanes/share-session.ts";
import type { SharedLanes } from "../lanes/shared-lanes.ts";
import { JobTuning } from "../tuning/job-tuning.ts";
import type { MachineFacts } from "../tuning/machine-facts.ts";
import { NO_TUNING_CACHE } from "../tuning/tuning-cache.ts";
import type { AccessChoice } from "./choose-access.ts";
import { type DeviceOptions, lanePlanOf } from "./device-options.ts";
import type { LocalModel } from "./local-model.ts";

export interface LoadModelOptions {
  /** Lanes that jobs with the same model share. Default: the job has its own. */
  readonly sharedLanes?: SharedLanes;
  /**
   * Reports the comparison of the device with the CPU. Called before the first shard, and before a wrong
   * device closes the job.
   */
  readonly onDevice: (report: DeviceReport) => Promise<void>;
}

/** Model of a job, loaded into the lanes. */
export interface LoadedModel {
  readonly local: LocalModel;
  readonly lanes: LaneSet;
  readonly tuning: JobTuning;
  readonly learned: LearnedBatch;
}

interface Parts {
  readonly access: AccessChoice;
  /** Models of the stages before the one that is loaded. */
  readonly stages: readonly StageModel[];
  readonly machine: Promise<MachineFacts>;
}

/**
 * Loads the model of a job into the lanes, and checks the device. Releases the model's files if that fails.
 *
 * @throws {DEVICE_WRONG} when the device gives other numbers than the CPU
 */
async function loadModel(
  local: LocalModel,
  job: JobDescription,
  parts: Parts,
  options: DeviceOptions & LoadModelOptions,
): Promise<LoadedModel> {
  const { log } = options;
  try {
    const model = present(job.model, "a local model is the job's");
    const tuning = new JobTuning(options.tuning ?? NO_TUNING_CACHE, job, parts.machine);
    const plan = lanePlanOf(options);
    const sharing = { device: options.device, ...plan, modelBytes: modelBytes(model) };
    const sharesSession = await shouldShareSession(sharing, { log });
    const lanes = await openLanes(model, local.path, sharesSession, options);
    try {
      await local.checkUnchanged();
      await checkLanes({ local, lanes, tuning }, job, parts, options);
    } catch (error) {
      await lanes[Symbol.asyncDispose]();
      throw error;
    }
    lanes.onBroken((error) => options.onBroken(error));
    log.info({ job: job.jobId, loadMs: Math.round(lanes.loadMs), sharesSession }, "lanes ready");
    return { local, lanes, tuning, learned: await tuning.recallBatch(plan) };
  } catch (error) {
    await local.release();
    throw error;
  }
}

function openLanes(
  model: ModelFile,
  modelPath: string,
  sharesSession: boolean,
  options: DeviceOptions & LoadModelOptions,
): Promise<LaneSet> {
  const { device, laneScript, sharedLanes } = options;
  const loaded = { device, ...lanePlanOf(options), sharesSession };
  const script = laneScript === undefined ? {} : { script: laneScript };
  const start = () => startLanes({ modelPath, ...loaded, ...script }, NEVER);
  return sharedLanes?.take(canonicalJson([modelDigest(model), { ...loaded }]), start) ?? start();
}

/**
 * Checks the device, and reports the result.
 *
 * @throws {DEVICE_WRONG} when the device gives other numbers than the CPU
 */
async function checkLanes(
  { local, lanes, tuning }: Omit<LoadedModel, "learned">,
  job: JobDescription,
  { access, stages, machine }: Parts,
  { device, log, onDevice }: DeviceOptions & LoadModelOptions,
): Promise<void> {
  const own = { job, device, lanes, tuning, stages, modelPath: local.path };
  const found = await checkDevice({ ...own, input: access.input, machine: await machine });
  if (found === null) return;
  const { report, error } = found;
  const { rows, seconds, remembered } = report;
  log.info({ job: job.jobId, device, rows, seconds, remembered, refusal: report.refusal }, "device checked");
  await onDevice(report);
  if (error !== null) throw error;
}

/**
 * Loads the models of a job, one after another. That of an earlier stage is checked like the model of a job
 * whose steps are those before it. Releases the files of all models if that fails.
 *
 * @returns those of the stages before the last one, and the last one. Null: the job has no model.
 * @throws errors of {@link loadModel}
 */
export async function loadModels(
  { stages, model }: { readonly stages: readonly LocalModel[]; readonly model: LocalModel | null },
  job: JobDescription,
  parts: Omit<Parts, "stages">,
  options: DeviceOptions & LoadModelOptions,
): Promise<readonly [stages: readonly LoadedModel[], model: LoadedModel | null]> {
  const loaded: LoadedModel[] = [];
  const waiting = [...stages, ...(model === null ? [] : [model])];
  try {
    for (let local = waiting.shift(); local !== undefined; local = waiting.shift()) {
      const index = loaded.length;
      const own = index < stages.length ? stageJob(job, index) : job;
      const before = loaded.map(({ local: { path: modelPath } }, at): StageModel => {
        const { name, map } = present(job.stages?.[at], "a loaded stage is the job's");
        return { name, map, modelPath };
      });
      loaded.push(await loadModel(local, own, { ...parts, stages: before }, options));
    }
    return [loaded.slice(0, stages.length), loaded[stages.length] ?? null];
  } catch (error) {
    await closeModels(loaded);
    for (const local of waiting) await local.release();
    throw error;
  }
}

/** Returns the job of a stage: the steps before its model, and the model. */
function stageJob(job: JobDescription, index: number): JobDescription {
  const { prepare, columns } = job.map;
  const { model, map, deviceCheck } = present(job.stages?.[index], "a stage is the job's");
  const at = prepare.findIndex(({ op }) => op.kind === "model" && op.stage === index);
  const before = { prepare: prepare.slice(0, at), columns };
  return { ...job, model, deviceCheck, map: { ...map, ...before } };
}

/** Closes the lanes of models, and releases their files. */
export async function closeModels(models: readonly LoadedModel[]): Promise<void> {
  for (const { lanes, local } of models) {
    await lanes[Symbol.asyncDispose]();
    await local.release();
  }
}

/** Returns the size of a model's files. Null: the job has no model. */
export function modelBytes(model: ModelFile | null): number {
  return model === null ? 0 : model.externalData.reduce((sum, file) => sum + file.bytes, model.bytes);
}
