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
 * After `published` is durable: the work files go, the journal among them. The manifest says all that is
 * needed. A job that failed or was cancelled keeps them, for a new run that adopts its commits (decision 3).
 *
 * The caller holds the job's lock, whose file stays: without it another coordinator could begin in the folder
 * while it is being emptied. In a bucket those of other coordinators stay, too. Safe to repeat; nothing of it
 * may be open.
 */
export async function removeWorkFiles(paths: WorkPaths, place: CleanupPlace): Promise<void> {
  // Else all of it is beside the lock.
  if (!place.storage.can.rename) {
    if (paths.run === null) await removeAll(paths, place.storage);
    else await removeOwn(paths, place.storage);
  }
  await removeFromDisk(paths, place, isOfLock);
}

/** Where work files are removed, and by whom. */
interface CleanupPlace {
  readonly storage: Storage;
  /** Of the lock, and mostly of the journal. */
  readonly disk: Disk;
  /** That of the job, which the caller holds. */
  readonly lock: Pick<HeldLock, "remove">;
}

async function removeAll({ work }: WorkPaths, storage: Storage): Promise<void> {
  for (const name of (await namesIn(work, storage)) ?? [])
    if (!isOfLock(name)) await storage.remove(below(work, name), NEVER);
}

async function removeOwn(paths: WorkPaths, storage: Storage): Promise<void> {
  await storage.remove(paths.own, NEVER);
  // Of copies, too: whoever is at one, of the same bytes, begins it again.
  await removeUploads([paths.own, ...publishedFolders(paths.output)], storage);
  const intent = await readIntentIfThere(paths, storage).catch((error: unknown) => {
    // Somebody's: it is no use any more, and not ours to remove.
    if (isShardmillError(error, "OUTPUT_FAILED")) return null;
    throw error;
  });
  if (intent?.run === paths.run) await storage.remove(paths.publishing, NEVER);
  const { runFile } = paths;
  // Last: as long as it is there, whoever comes finds what is left.
  if (runFile !== null && (await readRunFile(runFile, storage, NEVER)) === paths.run)
    await storage.remove(runFile, NEVER);
}

/** Whether a coordinator died just after publishing, or lives and is about to clean up. */
export async function hasWorkFiles(paths: WorkPaths, storage: Storage, disk: Disk): Promise<boolean> {
  // They were found by it.
  if (paths.runFile !== null) return true;
  const onDisk = await disk.lstat(paths.disk).catch(() => null);
  return onDisk !== null || (await storage.kindAt(paths.own, NEVER).catch(() => null)) !== null;
}

/**
 * What a job has on its coordinator's disk, but for the names that stay. Where the output is on that disk it
 * is gone with the rest.
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

/** The folder itself, once the lock is let go of; unless somebody has begun something in it. */
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
