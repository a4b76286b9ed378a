import { join } from "node:path";
import { NEVER } from "../../shared/core/abort.ts";
import type { Disk } from "../../shared/core/disk.ts";
import { errorCode } from "../../shared/core/errno.ts";
import { isShardmillError } from "../../shared/core/errors.ts";
import { below } from "../../shared/domain/location.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import type { HeldLock } from "../journal/held-lock.ts";
import { isOfLock } from "../journal/lock-file.ts";
import { readRunFile } from "../journal/run-file.ts";
import { readIntentIfThere } from "./intent.ts";
import { namesIn } from "./output-folder.ts";
import { publishedFolders, removeUploads } from "./remove-uploads.ts";
import type { OutputPaths, WorkPaths } from "./work-paths.ts";

/**
 * Removes the work files, including the journal. Call it after `published` is durable: the manifest then has
 * all that is needed. A failed or cancelled job keeps its work files, so that a new run adopts its commits.
 *
 * The caller holds the job's lock, and the lock's file stays. Without it, another coordinator could begin in
 * the folder during the removal. In a bucket, the work files of other coordinators stay, too. Safe to repeat.
 * None of the files may be open.
 */
export async function removeWorkFiles(paths: WorkPaths, place: CleanupPlace): Promise<void> {
  // A storage that renames is the disk that `removeFromDisk` cleans.
  if (!place.storage.can.rename) {
    if (paths.run === null) await removeAll(paths, place.storage);
    else await removeOwn(paths, place.storage);
  }
  await removeFromDisk(paths, place, isOfLock);
}

/** Storage, disk and lock of a job whose work files are removed. */
interface CleanupPlace {
  readonly storage: Storage;
  /** Disk of the lock and, by default, of the journal. */
  readonly disk: Disk;
  /** Lock of the job. The caller holds it. */
  readonly lock: Pick<HeldLock, "remove">;
}

async function removeAll({ work }: WorkPaths, storage: Storage): Promise<void> {
  for (const name of (await namesIn(work, storage)) ?? [])
    if (!isOfLock(name)) await storage.remove(below(work, name), NEVER);
}

async function removeOwn(paths: WorkPaths, storage: Storage): Promise<void> {
  await storage.remove(paths.own, NEVER);
  // This also ends uploads of copies. Another coordinator that copies the same bytes starts that copy again.
  await removeUploads([paths.own, ...publishedFolders(paths.output)], storage);
  const intent = await readIntentIfThere(paths, storage).catch((error: unknown) => {
    // The intent is not ours, and useless by now.
    if (isShardmillError(error, "OUTPUT_FAILED")) return null;
    throw error;
  });
  if (intent?.run === paths.run) await storage.remove(paths.publishing, NEVER);
  const { runFile } = paths;
  // The run file goes last: with it, the next coordinator still finds the remaining files.
  if (runFile !== null && (await readRunFile(runFile, storage, NEVER)) === paths.run)
    await storage.remove(runFile, NEVER);
}

/** Checks whether a published job has work files. Its coordinator has exited, or is about to clean up. */
export async function hasWorkFiles(paths: WorkPaths, storage: Storage, disk: Disk): Promise<boolean> {
  // The run file led to these paths, so it exists.
  if (paths.runFile !== null) return true;
  const onDisk = await disk.lstat(paths.disk).catch(() => null);
  return onDisk !== null || (await storage.kindAt(paths.own, NEVER).catch(() => null)) !== null;
}

/**
 * Removes a job's files from the coordinator's disk, except the names that stay. If the output is on that
 * disk, this removes all work files.
 */
export async function removeFromDisk(
  { disk: folder }: OutputPaths,
  { disk, lock }: Pick<CleanupPlace, "disk" | "lock">,
  stays: (name: string) => boolean,
): Promise<void> {
  for (const name of await readdirIfThere(folder, disk)) {
    if (!stays(name)) await lock.remove(join(folder, name));
  }
}

/** Removes the folder after the lock is released, unless another coordinator has begun something in it. */
export async function removeWorkFolder({ disk: folder }: OutputPaths, disk: Disk): Promise<void> {
  await disk.rmdir(folder).catch((error: unknown) => {
    if (!["ENOENT", "ENOTEMPTY", "EEXIST"].includes(errorCode(error) ?? "")) throw error;
  });
}

async function readdirIfThere(path: string, disk: Disk): Promise<string[]> {
  try {
    return await disk.readdir(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}
