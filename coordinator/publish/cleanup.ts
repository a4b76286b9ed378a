import { join } from "node:path";
import { type Disk, realDisk } from "../../shared/core/disk.ts";
import { errorCode } from "../../shared/core/errno.ts";
import { isOfLock } from "../journal/lock-file.ts";
import { workPaths } from "./work-paths.ts";

/**
 * After `published` is durable: the work files go, the journal among them. The manifest says all that is
 * needed. A job that failed or was cancelled keeps them, for a new run that adopts its commits (decision 3).
 *
 * The caller holds the job's lock, whose file stays: without it another coordinator could begin in the folder
 * while it is being emptied. Safe to repeat; nothing of it may be open.
 */
export async function removeWorkFiles(outputPath: string, disk: Disk = realDisk): Promise<void> {
  const { work } = workPaths(outputPath);
  for (const name of await namesIn(work, disk)) if (!isOfLock(name)) await disk.remove(join(work, name));
}

/** The folder itself, once the lock is let go of; unless somebody has begun something in it. */
export async function removeWorkFolder(outputPath: string, disk: Disk = realDisk): Promise<void> {
  await disk.rmdir(workPaths(outputPath).work).catch((error: unknown) => {
    if (!["ENOENT", "ENOTEMPTY", "EEXIST"].includes(errorCode(error) ?? "")) throw error;
  });
}

async function namesIn(path: string, disk: Disk): Promise<string[]> {
  try {
    return await disk.readdir(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}
