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
 * Whether the job could publish where it is told to, as far as looking shows it: nothing is written.
 *
 * @throws {SPEC_INVALID} when the input lies in the output folder: it would be published over
 * @throws {OUTPUT_OCCUPIED} when somebody's files are there, or a file is where a folder must be
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
  // Whether something may be put is known off disks only once it is.
  if (!isOnThisMachine(location)) return;
  const folder = await nearestFolder(location, storages);
  await checkWritable(folder).catch((cause: unknown) => {
    throw cannotWrite(output.path, folder, cause);
  });
}

/** What the job names itself, of a pattern the folder that it begins with. */
async function isInside(path: string, output: Location, storages: Storages): Promise<boolean> {
  if (isWebInput(path)) return false;
  const location = parseLocation(splitPattern(path).literal);
  if (schemeOf(location) !== schemeOf(output)) return false;
  const real = await realOf(location, storages);
  return real === output || real.startsWith(output.endsWith("/") ? output : `${output}/`);
}

/** Folders are there when something is put below them; buckets have to be made. */
async function refuseMissingBucket(location: Location, storage: Storage): Promise<void> {
  if (isOnThisMachine(location)) return;
  const [bucket = ""] = /^[^:]+:\/\/[^/]+/.exec(location) ?? [];
  try {
    for await (const _page of storage.list(location, { signal: NEVER })) return;
  } catch (error) {
    const isMissing = isShardmillError(error, "STORE_NOT_FOUND");
    // That there is nothing in a folder is found out here; of a bucket the store says so in its own word.
    if (isMissing && error.fields.reason === undefined) return;
    throw cannotWrite(location, isMissing ? bucket : location, error);
  }
}

/** Without links, as far as there is something. */
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
    what: `the input ${shownPath(path)} lies in it`,
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
