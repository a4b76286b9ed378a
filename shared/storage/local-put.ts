import { join } from "node:path";
import { digestFile } from "../core/digest.ts";
import type { Disk } from "../core/disk.ts";
import { syncPath } from "../core/durable.ts";
import { errorCode } from "../core/errno.ts";
import { placeAlone, placeOnce } from "../core/hard-link.ts";
import { makeFolder, makeFolders } from "../core/make-folders.ts";
import { systemRandom } from "../core/random.ts";
import { folderOf, type Location, localPathOf, nameOf } from "../domain/location.ts";
import { occupied } from "./errors.ts";
import { drain } from "./put-source.ts";
import type { PutOptions, PutSource, StoredFile } from "./storage.ts";

/**
 * Writes a file whole and durable, or not at all: to a temporary name beside it, synced, and then under its
 * own name. Rejects with the file system's errors, too.
 */
export async function putLocal(
  location: Location,
  source: PutSource,
  options: PutOptions,
  disk: Disk,
): Promise<StoredFile> {
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
      ? await placeNew(path, options, disk, write)
      : await replaceBy(path, disk, write);
  // A name is durable once its folder is; and a folder that another made may not be yet.
  await syncPath(folder, disk);
  await syncPath(folderOf(folder), disk);
  return stored;
}

/** Gives `path` what `write` makes under a temporary name, in one step. */
export async function replaceBy<T>(
  path: string,
  disk: Disk,
  write: (temporary: string) => Promise<T>,
): Promise<T> {
  const temporary = temporaryFor(path);
  try {
    const written = await write(temporary);
    await disk.rename(temporary, path);
    return written;
  } catch (error) {
    await disk.unlink(temporary).catch(ignoreMissing);
    throw error;
  }
}

async function placeNew(
  path: string,
  { alone = false, signal }: PutOptions,
  disk: Disk,
  write: (temporary: string) => Promise<StoredFile>,
): Promise<StoredFile> {
  const temporary = temporaryFor(path);
  try {
    const stored = await write(temporary);
    signal?.throwIfAborted();
    await (alone ? placeAlone : placeOnce)(temporary, path, disk).catch(async (error: unknown) => {
      if (errorCode(error) !== "EEXIST") throw error;
      const there = await disk.lstat(path);
      const isSame =
        there.size === stored.bytes && (await digestFile(path, signal, disk)).sha256 === stored.sha256;
      if (!isSame) throw occupied(path, there.size, error);
    });
    return stored;
  } finally {
    await disk.unlink(temporary).catch(ignoreMissing);
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

/** What sweeps know as an upload that is under way. */
function temporaryFor(path: string): string {
  const location = path as Location;
  return join(folderOf(location), `.${nameOf(location)}.${systemRandom.hex(6)}.tmp`);
}

function ignoreMissing(error: unknown): void {
  if (errorCode(error) !== "ENOENT") throw error;
}
