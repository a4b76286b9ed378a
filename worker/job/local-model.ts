import { join } from "node:path";
import { present } from "../../shared/core/assert.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import type { JobDescription } from "../../shared/domain/job.ts";
import { atCoordinator, nameOf, viaCoordinator } from "../../shared/domain/location.ts";
import { modelDigest } from "../../shared/domain/model-digest.ts";
import { isInsideLocation } from "../../shared/domain/model-location.ts";
import {
  fetchedFiles,
  type LocalCopy,
  localFiles,
  type OtherContent,
  type WantedFile,
} from "../../shared/storage/local-copy.ts";
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
  const copy =
    nearest === "coordinator"
      ? await fetchModel(options)
      : await localFiles(filesOf(options), modelChanged).catch((error: unknown) => {
          // What lies at that path here may be another machine's.
          if (others.includes("coordinator") && isShardmillError(error, "MODEL_CHANGED"))
            return fetchModel(options);
          throw error;
        });
  const path = present(copy.paths[0], "a model has a file");
  return { path, checkUnchanged: () => copy.checkUnchanged() };
}

/** Its folder is named by its digest. */
async function fetchModel(options: LocalModelOptions): Promise<LocalCopy> {
  const { coordinator, scratchPath, job } = options;
  const storage = present(coordinator, "a model that is not visible, and no coordinator to fetch it from");
  const folder = join(scratchPath, `model-${modelDigest(job.model)}`);
  const files = filesOf(options).map((file) => ({ ...file, location: viaCoordinator(file.location) }));
  const other: OtherContent = (file, found, cause) =>
    modelChanged({ ...file, location: atCoordinator(file.location) }, found, cause);
  return await fetchedFiles(files, { storage, folder, other });
}

/** A model may name itself among them. */
function filesOf({ job: { model } }: LocalModelOptions): readonly WantedFile[] {
  const data = model.externalData.map(({ location: name, path: location, bytes, sha256 }) => {
    if (!isInsideLocation(name)) throw new Error(`broken invariant: location ${name}`);
    return { location, name, bytes, sha256 };
  });
  const { path: location, bytes, sha256 } = model;
  return [{ location, name: nameOf(location), bytes, sha256 }, ...data];
}

function modelChanged(
  { location: path, sha256: expected }: WantedFile,
  found: string,
  cause?: unknown,
): ShardmillError {
  return new ShardmillError("MODEL_CHANGED", `${path} is not the model that the job was planned with`, {
    fields: { path, expected, found },
    hint: "run the job again with --fresh to use the new model",
    cause,
  });
}
