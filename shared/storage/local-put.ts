import { join } from "node:path";
import { digestChunks } from "../core/digest.ts";
import type { Disk } from "../core/disk.ts";
import { errorCode, ignoreMissing } from "../core/errno.ts";
import { lacksHardLinks, placeAlone, placeOnce } from "../core/hard-link.ts";
import { makeFolder, makeFolders } from "../core/make-folders.ts";
import type { Random } from "../core/random.ts";
import { syncPath } from "../core/sync-path.ts";
import { folderOf, type Location, localPathOf, nameOf } from "../domain/location.ts";
import { occupied } from "./errors.ts";
import { drain } from "./put-source.ts";
import type { PutOptions, PutSource, StoredFile } from "./storage.ts";

/** Disk, and the source of random temporary names on it. */
export interface LocalDisk {
  readonly disk: Disk;
  readonly random: Random;
}

/**
 * Writes a whole file durably, or nothing. Writes and syncs a temporary file beside it, then gives it its
 * name. Also rejects with the file system's errors.
 */
export async function putLocal(
  location: Location,
  source: PutSource,
  options: PutOptions,
  local: LocalDisk,
): Promise<StoredFile> {
  const { disk } = local;
  const path = localPathOf(location);
  const folder = folderOf(location);
  if (options.within === undefined) await makeFolders(folder, disk);
  else await makeFoldersWithin(folder, options.within, disk);
  const write = async (temporary: string): Promise<StoredFile> => {
    const file = await disk.open(temporary, "wx");
    try {
      const stored = await drain(path, source, options, (chunk) => file.write(chunk));
      await file.sync();
      return stored;
    } finally {
      await file.close();
    }
  };
  const stored =
    options.ifAbsent === true
      ? await placeNew(path, options, local, write)
      : await replaceBy(path, local, write);
  // Makes the file's name durable. The folder's own name was synced when it was made.
  await syncPath(folder, disk);
  return stored;
}

/** Gives `path` the file that `write` makes under a temporary name, in one step. */
export async function replaceBy<T>(
  path: string,
  { disk, random }: LocalDisk,
  write: (temporary: string) => Promise<T>,
): Promise<T> {
  const temporary = temporaryFor(path, random);
  try {
    const written = await write(temporary);
    await disk.rename(temporary, path);
    return written;
  } catch (error) {
    await unlinkFailed(temporary, disk);
    throw error;
  }
}

async function placeNew(
  path: string,
  { alone = false, signal }: PutOptions,
  { disk, random }: LocalDisk,
  write: (temporary: string) => Promise<StoredFile>,
): Promise<StoredFile> {
  const temporary = temporaryFor(path, random);
  try {
    const stored = await write(temporary);
    signal.throwIfAborted();
    await (alone ? placeAlone : placeOnce)(temporary, path, disk).catch(async (error: unknown) => {
      if (errorCode(error) !== "EEXIST") throw error;
      const there = await disk.lstat(path);
      const isSame =
        there.size === stored.bytes &&
        (await digestChunks(disk.readChunks(path), signal)).sha256 === stored.sha256;
      if (!isSame) throw occupied(path, there.size, error);
    });
    await disk.unlink(temporary).catch(ignoreMissing);
    return stored;
  } catch (error) {
    await unlinkFailed(temporary, disk);
    throw error;
  }
}

async function makeFoldersWithin(folder: Location, within: Location, disk: Disk): Promise<void> {
  const missing: Location[] = [];
  for (let at = folder; at !== within; at = folderOf(at)) {
    if (folderOf(at) === at) throw new Error(`broken invariant: ${folder} is not within ${within}`);
    missing.unshift(at);
  }
  for (const each of missing) await makeFolder(each, disk);
}

/**
 * Gives a file's bytes a second name in one step. The name must be free. On disks without links, a copy gets
 * it. The copy is made beside the source if possible, so that a crash leaves nothing beside the new name.
 */
export async function linkLocal(source: string, target: string, { disk, random }: LocalDisk): Promise<void> {
  let copyPath = source;
  try {
    await disk.link(source, target);
    return;
  } catch (error) {
    if (!lacksHardLinks(error)) throw error;
    // Renames across file systems fail, too.
    if (errorCode(error) === "EXDEV") copyPath = target;
  }
  const temporary = temporaryFor(copyPath, random);
  try {
    await disk.copyFile(source, temporary);
    await syncPath(temporary, disk);
    await placeAlone(temporary, target, disk);
    await disk.unlink(temporary).catch(ignoreMissing);
  } catch (error) {
    await unlinkFailed(temporary, disk);
    throw error;
  }
}

/** Returns a name that sweeps recognize as an upload in progress. */
function temporaryFor(path: string, random: Random): string {
  const location = path as Location;
  return join(folderOf(location), `.${nameOf(location)}.${random.hex(6)}.tmp`);
}

/** Removes the temporary file, and ignores errors: the original failure matters more. */
async function unlinkFailed(temporary: string, disk: Disk): Promise<void> {
  await disk.unlink(temporary).catch(() => {});
}
