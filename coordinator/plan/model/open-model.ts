import type { PlannedJob } from "../../../shared/domain/job.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import type { JobStores } from "../../../shared/domain/job-stores.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import type { ModelFolder } from "../../../shared/domain/model-folder.ts";
import type { FetchProgress } from "../../../shared/storage/fetch-progress.ts";
import { modelPathOf } from "../folder/read-model-folder.ts";
import { inspectModel } from "./inspect-model.ts";
import { KnownModels } from "./known-models.ts";

const KNOWN_MODELS = new KnownModels();

interface OpenModelOptions {
  /** Folder of the model, while it is read. */
  readonly folder: Promise<ModelFolder | null>;
  readonly stores: JobStores;
  readonly progress: FetchProgress | undefined;
  readonly signal: AbortSignal;
}

/**
 * Reads a job's model and its signature.
 *
 * @param place undefined: the job has no model
 * @throws the MODEL_ codes
 */
export async function openModel(
  place: JobSpec["model"],
  { folder: reading, stores, progress, signal }: OpenModelOptions,
): Promise<Pick<PlannedJob, "folder" | "model" | "modelFrom">> {
  if (place === undefined) return { folder: null, model: null, modelFrom: null };
  const folder = await reading;
  const path = parseLocation(modelPathOf(place, folder));
  const inspect = () => inspectModel(path, { stores, progress, signal });
  const model = await KNOWN_MODELS.model(path, { stores, signal }, inspect);
  return { folder, model, modelFrom: model.path === path ? null : path };
}
