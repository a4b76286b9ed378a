import { join } from "node:path";
import { ShardmillError } from "../core/errors.ts";
import type { ModelFiles } from "../domain/job.ts";
import { type Location, nameOf } from "../domain/location.ts";
import { modelDigest } from "../domain/model-digest.ts";
import { isInsideLocation } from "../domain/model-location.ts";
import type { FetchProgress } from "../storage/fetch-progress.ts";
import {
  type CopiesPlace,
  fetchedFiles,
  type LocalCopy,
  localFiles,
  type WantedFile,
} from "../storage/local-copy.ts";
import type { Storage } from "../storage/storage.ts";

/**
 * Checks the model's files in place on this machine. The model itself comes first.
 *
 * @throws {MODEL_CHANGED} when the bytes differ from the planned ones
 */
export function modelHere(model: ModelFiles): Promise<LocalCopy> {
  return localFiles(filesOf(model), modelChanged);
}

interface ModelCopyOptions {
  readonly storage: Pick<Storage, "read">;
  /** Folder in which the copy gets its own, named by the model's digest. */
  readonly copies: CopiesPlace;
  readonly progress?: FetchProgress | undefined;
  /** Returns the storage's location for a location in the model. Default: the same one. */
  readonly locate?: (location: Location) => Location;
}

/**
 * Copies the model's files to this machine, once, with external data beside the model. The model itself comes
 * first.
 *
 * @throws {MODEL_CHANGED} when the bytes differ from the planned ones
 */
export function copyModel(model: ModelFiles, options: ModelCopyOptions): Promise<LocalCopy> {
  const {
    copies: { path, ...shared },
    locate = (location) => location,
    ...rest
  } = options;
  const known = filesOf(model);
  const placeOf = new Map(known.map(({ location }) => [locate(location), location]));
  return fetchedFiles(
    known.map((file) => ({ ...file, location: locate(file.location) })),
    {
      ...rest,
      ...shared,
      folder: join(path, `model-${modelDigest(model)}`),
      other: (file, found, cause) =>
        modelChanged({ ...file, location: placeOf.get(file.location) ?? file.location }, found, cause),
    },
  );
}

/** Lists the model's files. A model may name itself among its external data. */
function filesOf({ path, bytes, sha256, externalData }: ModelFiles): readonly WantedFile[] {
  const data = externalData.map(({ location: name, ...file }) => {
    if (!isInsideLocation(name)) throw new Error(`broken invariant: location ${name}`);
    return { location: file.path, name, bytes: file.bytes, sha256: file.sha256 };
  });
  return [{ location: path, name: nameOf(path), bytes, sha256 }, ...data];
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
