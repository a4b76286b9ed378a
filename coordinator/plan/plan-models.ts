import { present } from "../../shared/core/assert.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import { CONVERSION, conversionOf } from "../../shared/domain/conversion.ts";
import type { PlannedJob, PlannedModel, PlannedStage } from "../../shared/domain/job.ts";
import { placed, type SpecStage } from "../../shared/domain/job-stages.ts";
import type { JobStores } from "../../shared/domain/job-stores.ts";
import type { MapBinding } from "../../shared/domain/map-binding.ts";
import type { ModelFolder } from "../../shared/domain/model-folder.ts";
import type { FetchProgress } from "../../shared/storage/fetch-progress.ts";
import { allOrEveryProblem } from "./every-problem.ts";
import { openModel } from "./model/open-model.ts";
import { verifyOutputs } from "./verify-outputs.ts";

interface OpenOptions {
  readonly stores: JobStores;
  readonly progress: FetchProgress | undefined;
  readonly signal: AbortSignal;
}

type OpenedModel = Pick<PlannedJob, "folder" | "model" | "modelFrom">;

/**
 * Reads the models of all stages, and their signatures.
 *
 * @param folders folder of each model, while it is read
 * @throws the MODEL_ codes, with the problems of all models
 */
export async function openStages(
  stages: readonly SpecStage[],
  folders: readonly Promise<ModelFolder | null>[],
  options: OpenOptions,
): Promise<readonly OpenedModel[]> {
  const opening = stages.map(({ model }, index) => {
    return openModel(model, { ...options, folder: present(folders[index], "each stage has a folder") });
  });
  const [first, ...others] = opening;
  return await allOrEveryProblem([present(first, "a job has a stage"), ...others]);
}

/**
 * Runs each model once if the job gives one of its outputs another shape than it declares.
 *
 * @throws errors of {@link verifyOutputs}, with the keys of the stage
 */
export async function verifyStages(
  stages: readonly SpecStage[],
  opened: readonly OpenedModel[],
  maps: readonly MapBinding[],
  signal: AbortSignal,
): Promise<void> {
  for (const [index, { place }] of stages.entries()) {
    const model = opened[index]?.model ?? null;
    const map = present(maps[index], "each stage is bound");
    if (model === null) continue;
    await verifyOutputs(map, model, signal).catch((error: unknown) => {
      if (!isShardmillError(error)) throw error;
      const problems = error.problems.map((each) => ({ ...each, where: placed(each.where, place) }));
      throw new ShardmillError(error.code, error.message, { fields: error.fields, problems, cause: error });
    });
  }
}

/** Converts the models whose stages ask for it. Writes a converted model to the cache. */
export async function convertModels(
  stages: readonly SpecStage[],
  opened: readonly OpenedModel[],
  signal: AbortSignal,
): Promise<readonly PlannedModel[]> {
  const models: PlannedModel[] = [];
  for (const [index, { model: spec }] of stages.entries()) {
    const { model, ...place } = present(opened[index], "each stage was opened");
    const conversion = conversionOf(spec);
    if (CONVERSION === null || conversion === null || model === null) {
      models.push({ ...place, model, converted: null });
      continue;
    }
    const { convert } = await CONVERSION.load();
    const made = await convert(model, conversion, signal);
    models.push({
      ...{ ...place, model: made.model },
      converted: { original: model, warnings: made.warnings },
    });
  }
  return models;
}

/** Returns the stages before the last one. */
export function stagesBefore(
  stages: readonly SpecStage[],
  models: readonly PlannedModel[],
  maps: readonly MapBinding[],
): readonly PlannedStage[] {
  return maps.map((map, index) => {
    const { name, place } = present(stages[index], "a map is of a stage");
    const { model, ...rest } = present(models[index], "each stage has a model");
    return { name, place, map, ...rest, model: present(model, "each stage names a model") };
  });
}
