import { present } from "../../shared/core/assert.ts";
import { isShardmillError } from "../../shared/core/errors.ts";
import type { JobDescription } from "../../shared/domain/job.ts";
import { viaCoordinator } from "../../shared/domain/location.ts";
import { copyModel, modelHere } from "../../shared/onnx/model-copy.ts";
import type { LocalCopy } from "../../shared/storage/local-copy.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import type { AccessChoice } from "./choose-access.ts";

interface LocalModelOptions {
  readonly job: Pick<JobDescription, "model">;
  /**
   * Where it may be taken from, in this order: from the coordinator's own paths as seen here, or from the
   * coordinator.
   */
  readonly from: AccessChoice["model"];
  /** Where a model that is not seen here is fetched from; null where there is no coordinator. */
  readonly coordinator: Pick<Storage, "read"> | null;
  readonly scratchPath: string;
}

interface LocalModel {
  readonly path: string;
  /**
   * Once it is loaded: that it was not replaced between its check and its loading. @throws {MODEL_CHANGED}
   */
  checkUnchanged(): Promise<void>;
}

/**
 * The model on this machine, its external data beside it: the coordinator's own files where they are seen
 * here and are the same, else copies, fetched once.
 *
 * @throws {MODEL_CHANGED} when the bytes are not those that the job was planned with
 */
export async function openLocalModel(options: LocalModelOptions): Promise<LocalModel> {
  const [nearest, ...others] = options.from;
  const { model } = options.job;
  const copy =
    nearest === "coordinator"
      ? await fetchModel(options)
      : await modelHere(model).catch((error: unknown) => {
          // What lies at that path here may be another machine's.
          if (others.includes("coordinator") && isShardmillError(error, "MODEL_CHANGED"))
            return fetchModel(options);
          throw error;
        });
  const path = present(copy.paths[0], "a model has a file");
  return { path, checkUnchanged: () => copy.checkUnchanged() };
}

async function fetchModel({ coordinator, scratchPath, job }: LocalModelOptions): Promise<LocalCopy> {
  const storage = present(coordinator, "a model that is not visible, and no coordinator to fetch it from");
  return await copyModel(job.model, { storage, scratchPath, locate: viaCoordinator });
}
