import { join } from "node:path";
import { NEVER } from "../../shared/core/abort.ts";
import type { Disk } from "../../shared/core/disk.ts";
import { errorCode } from "../../shared/core/errno.ts";
import { isShardmillError } from "../../shared/core/errors.ts";
import { makeFolders } from "../../shared/core/make-folders.ts";
import type { Random } from "../../shared/core/random.ts";
import { syncPath } from "../../shared/core/sync-path.ts";
import type { Location } from "../../shared/domain/location.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { isRunName, newRunName, putRunFile, readRunFile } from "../journal/run-file.ts";
import { type OutputPaths, type WorkPaths, withRun } from "./work-paths.ts";

/** Disk and storage that hold the name of a job's run. */
export interface RunPlace {
  /** Disk of the lock and, by default, of the journal. */
  readonly disk: Disk;
  /** Storage of the output. */
  readonly storage: Storage;
}

/**
 * Returns the paths of a job whose lock is held. In a bucket, the work files are in a folder with the name of
 * the run. A new run's name is made here and recorded for as long as the journal exists. It is the name of an
 * empty folder beside the journal on the disk. A journal in the bucket has a file in the bucket instead.
 */
export async function ownPaths(
  paths: OutputPaths,
  { disk, storage, random }: RunPlace & { readonly random: Random },
): Promise<WorkPaths> {
  const known = await knownPaths(paths, { disk, storage });
  if (known !== null) return known;
  const run = newRunName(random);
  if (paths.runFile !== null) return withRun(paths, await sharedRun(paths.runFile, run, storage));
  await makeFolders(join(paths.disk, run), disk);
  await syncPath(paths.disk, disk);
  return withRun(paths, run);
}

/** Returns the paths of a job's recorded run. Null: no run is recorded. */
export async function knownPaths(paths: OutputPaths, { disk, storage }: RunPlace): Promise<WorkPaths | null> {
  if (paths.runFile !== null) {
    const run = await readRunFile(paths.runFile, storage, NEVER);
    return run === null ? null : withRun(paths, run);
  }
  if (isOnThisMachine(paths.output)) return withRun(paths, null);
  const names = await disk.readdir(paths.disk).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  });
  const run = names.sort().find(isRunName);
  return run === undefined ? null : withRun(paths, run);
}

/** Records the job's run and returns it: this run, unless another coordinator was first. */
async function sharedRun(runFile: Location, run: string, storage: Storage): Promise<string> {
  try {
    await putRunFile(runFile, run, storage);
    return run;
  } catch (error) {
    if (!isShardmillError(error, "STORE_EXISTS")) throw error;
    return (await readRunFile(runFile, storage, NEVER)) ?? run;
  }
}
