import { NEVER } from "../../shared/core/abort.ts";
import { isShardmillError, type Problem, ShardmillError } from "../../shared/core/errors.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { JobStores } from "../../shared/domain/job-stores.ts";
import {
  below,
  folderOf,
  isWebInput,
  type Location,
  nameOf,
  parseLocation,
  schemeOf,
} from "../../shared/domain/location.ts";
import { shownPath, splitPattern } from "../../shared/job-file/path-pattern.ts";
import { reasonOf } from "../../shared/storage/errors.ts";
import { checkWritable } from "../../shared/storage/local-file.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import { Storages } from "../../shared/storage/open-storage.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { inspectOutput, outputOccupied } from "../publish/output-folder.ts";

/**
 * Checks that the job can publish to its output folder, without writing to it.
 *
 * @throws {SPEC_INVALID} when the input is in the output folder, which a publish would overwrite
 * @throws {OUTPUT_OCCUPIED} when the folder has foreign files, or a file is where a folder must be
 * @throws {OUTPUT_FAILED} when the folder cannot be read or written to
 */
export async function checkOutput({ input, output }: JobSpec, stores: JobStores): Promise<void> {
  await using storages = new Storages({}, stores);
  const location = parseLocation(output.path);
  const storage = await storages.at(location).catch((cause: unknown) => {
    throw cannotWrite(output.path, location, cause);
  });
  await refuseMissingBucket(location, storage);
  const found = await inspectOutput(location, storage);
  const real = await realOf(location, storages);
  const inside: Problem[] = [];
  for (const path of input.path) {
    if (await isInside(path, real, storages)) inside.push(inputInside(path, output.path));
  }
  if (inside.length > 0) {
    throw new ShardmillError("SPEC_INVALID", "the job would publish over its input", { problems: inside });
  }
  if (found.kind === "occupied") throw outputOccupied(output.path, found.entries);
  // A store shows only on writing whether writing is allowed.
  if (!isOnThisMachine(location)) return;
  const folder = await nearestFolder(location, storages);
  await checkWritable(folder).catch((cause: unknown) => {
    throw cannotWrite(output.path, folder, cause);
  });
}

/**
 * Checks whether an input path is in the output folder. A pattern counts as the folder before its first
 * wildcard.
 */
async function isInside(path: string, output: Location, storages: Storages): Promise<boolean> {
  if (isWebInput(path)) return false;
  const location = parseLocation(splitPattern(path).literal);
  if (schemeOf(location) !== schemeOf(output)) return false;
  const real = await realOf(location, storages);
  return real === output || real.startsWith(output.endsWith("/") ? output : `${output}/`);
}

/** Refuses a bucket that does not exist: a write makes folders, but no bucket. */
async function refuseMissingBucket(location: Location, storage: Storage): Promise<void> {
  if (isOnThisMachine(location)) return;
  const [bucket = ""] = /^[^:]+:\/\/[^/]+/.exec(location) ?? [];
  try {
    for await (const _page of storage.list(location, { signal: NEVER })) return;
  } catch (error) {
    const isMissing = isShardmillError(error, "STORE_NOT_FOUND");
    // An empty folder is reported without a reason, a missing bucket with the store's own reason.
    if (isMissing && error.fields.reason === undefined) return;
    throw cannotWrite(location, isMissing ? bucket : location, error);
  }
}

/** Resolves the links in the part of a path that exists. */
async function realOf(location: Location, storages: Storages): Promise<Location> {
  if (!isOnThisMachine(location)) return location;
  const storage = await storages.at(location);
  const real = await storage.real(location, NEVER).catch(() => null);
  const folder = folderOf(location);
  if (real !== null || folder === location) return real ?? location;
  return below(await realOf(folder, storages), nameOf(location));
}

async function nearestFolder(location: Location, storages: Storages): Promise<Location> {
  const storage = await storages.at(location);
  const kind = await storage.kindAt(location, NEVER).catch(() => null);
  const folder = folderOf(location);
  return kind !== null || folder === location ? location : nearestFolder(folder, storages);
}

function inputInside(path: string, output: string): Problem {
  return {
    where: "output.path",
    what: `contains the input ${shownPath(path)}`,
    expected: "a folder beside or below the input",
    found: output,
    hint: "choose another output.path",
  };
}

function cannotWrite(path: string, folder: string, cause: unknown): ShardmillError {
  return new ShardmillError("OUTPUT_FAILED", `the output folder cannot be written to: ${reasonOf(cause)}`, {
    fields: { path },
    problems: [
      {
        where: "output.path",
        what: `nothing can be written to ${folder}: ${reasonOf(cause)}`,
        hint: "choose an output.path that can be written to",
      },
    ],
    hint: "choose an output.path that can be written to",
    cause,
  });
}
