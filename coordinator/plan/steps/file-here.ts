import { present } from "../../../shared/core/assert.ts";
import type { Problem } from "../../../shared/core/errors.ts";
import type { JobStores } from "../../../shared/domain/job-stores.ts";
import { type Location, nameOf } from "../../../shared/domain/location.ts";
import type { StepFile } from "../../../shared/domain/step-binding.ts";
import { placeProblem } from "../../../shared/storage/errors.ts";
import { isOnThisMachine } from "../../../shared/storage/local-paths.ts";
import type { Storages } from "../../../shared/storage/open-storage.ts";
import { digestStored } from "../../../shared/storage/whole-file.ts";
import { fetchTogether } from "../fetch/cached-files.ts";

export interface FileOptions {
  readonly storages: Storages;
  readonly stores: JobStores;
  readonly signal: AbortSignal;
}

/** Returns a file on this machine: the original, or a copy of a file elsewhere. */
export async function fileHere(location: Location, options: FileOptions): Promise<StepFile> {
  if (!isOnThisMachine(location)) return await copyHere(location, options);
  const { storages, signal } = options;
  return { location, ...(await digestStored(await storages.at(location), location, { signal })) };
}

/** Returns a copy of a file in the cache, which stays when the file changes. */
export async function copyHere(
  location: Location,
  { storages, stores, signal }: FileOptions,
): Promise<StepFile> {
  const name = nameOf(location) || "file";
  const storage = await storages.at(location);
  const fetched = await fetchTogether({ location, name }, { storage, stores, signal });
  const { path, bytes, sha256 } = present(fetched[0], "a file that was fetched");
  return { location: path, bytes, sha256 };
}

/** Returns the problem of a file that cannot be read. */
export function unreadable(where: string, path: string, error: unknown): Problem {
  return { ...placeProblem(where, "cannot be read", error), expected: "a file", found: path };
}
