import { join } from "node:path";
import type { Disk } from "../../shared/core/disk.ts";
import { errorCode } from "../../shared/core/errno.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { isOfLock } from "../journal/lock-file.ts";
import { namesIn } from "./output-folder.ts";
import { workPaths } from "./work-paths.ts";

/**
 * After `published` is durable: the work files go, the journal among them. The manifest says all that is
 * needed. A job that failed or was cancelled keeps them, for a new run that adopts its commits (decision 3).
 *
 * The caller holds the job's lock, whose file stays: without it another coordinator could begin in the folder
 * while it is being emptied. Safe to repeat; nothing of it may be open.
 */
export async function removeWorkFiles(output: Location, storage: Storage, disk: Disk): Promise<void> {
  const { work } = workPaths(output);
  for (const name of (await namesIn(work, storage)) ?? []) {
    if (!isOfLock(name)) await storage.remove(below(work, name));
  }
  await removeFromDisk(output, disk, isOfLock);
}

/** Whether a coordinator died just after publishing, or lives and is about to clean up. */
export async function hasWorkFiles(output: Location, storage: Storage, disk: Disk): Promise<boolean> {
  const { work, disk: folder } = workPaths(output);
  const onDisk = await disk.lstat(folder).catch(() => null);
  return onDisk !== null || (await storage.kindAt(work).catch(() => null)) !== null;
}

/**
 * What a job has on its coordinator's disk, but for the names that stay. Where the output is on that disk it
 * is gone with the rest.
 */
export async function removeFromDisk(
  output: Location,
  disk: Disk,
  stays: (name: string) => boolean,
): Promise<void> {
  const folder = workPaths(output).disk;
  for (const name of await readdirIfThere(folder, disk)) {
    if (!stays(name)) await disk.remove(join(folder, name));
  }
}

/** The folder itself, once the lock is let go of; unless somebody has begun something in it. */
export async function removeWorkFolder(output: Location, disk: Disk): Promise<void> {
  await disk.rmdir(workPaths(output).disk).catch((error: unknown) => {
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
