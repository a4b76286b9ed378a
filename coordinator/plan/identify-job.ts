import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import type { PlannedJob } from "../../shared/domain/job.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { stagesOf } from "../../shared/domain/job-stages.ts";
import { sealFiles } from "./fetch/sealed-files.ts";
import { modelPathOf, readModelFolder } from "./folder/read-model-folder.ts";
import { withLikelyInputs } from "./input-steps/likely-inputs.ts";
import { readModelFile } from "./model/model-file.ts";
import { digestsOf, type PlanOptions } from "./plan-job.ts";
import { readInput } from "./read-input.ts";
import { type Reach, readStores } from "./read-stores.ts";
import { readStepFiles } from "./steps/step-files.ts";

/** Digests that identify a job, and whether folders are columns of its input. */
export type IdentifiedJob = Pick<PlannedJob, "digests" | "partitions">;

/**
 * Computes what identifies a job, without checking the job.
 *
 * @throws what reading the input, the model and the files of its steps throws
 */
export async function identifyJob(
  job: JobSpec,
  { found, signal, ...reach }: Pick<PlanOptions, "found" | "signal" | keyof Reach>,
): Promise<IdentifiedJob> {
  const stores = await readStores(job, reach);
  const { spec, stores: fileStores } = sealFiles(job, stores);
  const files = { stores: fileStores, signal };
  const { dataset, partitions } = await readInput(spec, { stores, found, signal });
  const opened = await mapConcurrent(stagesOf(spec), 1, async ({ model: place }) => {
    const folder = await readModelFolder(place, files);
    return {
      folder,
      model: place === undefined ? null : await readModelFile(modelPathOf(place, folder), files),
    };
  });
  const resolved = await withLikelyInputs(spec, dataset.fields, opened[0]?.folder ?? null);
  const stepFiles = await readStepFiles(resolved, files);
  return { digests: digestsOf(resolved, { dataset, opened, stepFiles }), partitions };
}
