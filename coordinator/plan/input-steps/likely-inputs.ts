import { present } from "../../../shared/core/assert.ts";
import type { Field } from "../../../shared/domain/dataset.ts";
import { loadInputPlanners } from "../../../shared/domain/features.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import { stagesOf, withStages } from "../../../shared/domain/job-stages.ts";
import type { ModelFolder } from "../../../shared/domain/model-folder.ts";

/**
 * Adds input settings from the model's folder to a job, before the model is loaded and the steps are planned.
 * They are thus part of the job's identity, and determine which files are read.
 */
export async function withLikelyInputs(
  spec: JobSpec,
  fields: readonly Field[],
  folder: ModelFolder | null,
): Promise<JobSpec> {
  // Only the first stage reads columns of the input.
  const { inputs, prepare } = present(stagesOf(spec)[0], "a job has a stage").map;
  const known = { fields, folder, tensors: null, hasSteps: prepare.length > 0 };
  const planners = [...(await loadInputPlanners()).values()];
  const filled = planners.reduce((made, planner) => planner.withFolder(made, known), inputs);
  const map = withStages(spec.map, (part, index) => (index === 0 ? { ...part, inputs: filled } : part));
  return { ...spec, map };
}
