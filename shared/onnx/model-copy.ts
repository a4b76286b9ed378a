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
 * The model's files of this machine, as they lie there; its own is the first.
 *
 * @throws {MODEL_CHANGED} when the bytes are not those that were planned
 */
export function modelHere(model: ModelFiles): Promise<LocalCopy> {
  return localFiles(filesOf(model), modelChanged);
}

interface ModelCopyOptions {
  readonly storage: Pick<Storage, "read">;
  /** Where the copy gets a folder of its own, named by the model's digest. */
  readonly copies: CopiesPlace;
  readonly progress?: FetchProgress | undefined;
  /** Where the storage finds what the model calls a location. Left out: there. */
  readonly locate?: (location: Location) => Location;
}

/**
 * Copies of the model's files on this machine, its external data beside it; fetched once. Its own is the
 * first.
 *
 * @throws {MODEL_CHANGED} when the bytes are not those that were planned
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

/** A model may name itself among them. */
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
