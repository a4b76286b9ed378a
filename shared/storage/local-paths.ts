import { dirname, join } from "node:path";
import { sha256 } from "../core/digest.ts";
import { type Disk, realDisk } from "../core/disk.ts";
import { makeFolders } from "../core/make-folders.ts";
import { folderOf, type Location, localPathOf, nameOf, schemeOf } from "../domain/location.ts";
import { asStorageErrors } from "./errors.ts";
import { sourceOfLocalFile } from "./local-file.ts";
import type { Storage } from "./storage.ts";
import { readChunks } from "./whole-file.ts";

/** Storage, and a scratch folder on this machine's disk, for libraries that only accept paths. */
export interface ScratchPlace {
  readonly storage: Storage;
  readonly scratch: string;
  readonly signal: AbortSignal;
}

export function isOnThisMachine(location: Location): boolean {
  return schemeOf(location) === "file";
}

/**
 * Checks whether files are made at their final path, and synced. Elsewhere they are made in a scratch folder,
 * then put whole.
 */
export function isMadeInPlace(location: Location, { can }: Pick<Storage, "can">): boolean {
  return isOnThisMachine(location) && can.sync;
}

/**
 * Makes a folder for the caller alone, in an existing one. Sync the parent to make its name durable.
 *
 * @throws {STORE_EXISTS} when the name is taken
 */
export async function makeOwnFolder(path: string, disk: Pick<Disk, "mkdir"> = realDisk): Promise<void> {
  await asStorageErrors("make", path, () => disk.mkdir(path));
}

/** Returns a readable path of a file: its own, or that of a copy in the scratch folder. */
export async function pathOfFile(
  location: Location,
  { storage, scratch, signal }: ScratchPlace,
): Promise<string> {
  if (isOnThisMachine(location)) return localPathOf(location);
  const path = scratchPath(scratch, location);
  const file = await storage.stat(location, signal);
  await makeScratch(path, async (append) => {
    for await (const chunk of readChunks(storage, location, file, signal)) await append(chunk);
  });
  return path;
}

/** Makes a file on this machine, and its folder if needed. Replaces an existing file. */
export async function makeScratch<T>(
  path: string,
  write: (append: (chunk: Uint8Array) => Promise<void>) => Promise<T>,
): Promise<T> {
  await asStorageErrors("make", path, () => makeFolders(dirname(path)));
  const file = await asStorageErrors("make", path, () => realDisk.open(path, "w"));
  try {
    return await write((chunk) => asStorageErrors("write", path, () => file.write(chunk)));
  } finally {
    await file.close();
  }
}

export async function removeScratch(path: string): Promise<void> {
  await asStorageErrors("remove", path, () => realDisk.remove(path));
}

/**
 * Makes a file with a function that writes to a path. Writes it in place (see {@link isMadeInPlace}), or in
 * the scratch folder and then puts it whole. The file is durable on return. Replaces an existing file, and
 * readers may see a partial one.
 */
export async function makeFile<T>(
  location: Location,
  { storage, scratch, signal }: ScratchPlace,
  make: (path: string) => Promise<T>,
): Promise<T> {
  if (isMadeInPlace(location, storage)) {
    await storage.remove(location, signal);
    await makeFolders(localPathOf(folderOf(location)));
    const made = await make(localPathOf(location));
    await storage.sync(location);
    await storage.sync(folderOf(location));
    return made;
  }
  const path = scratchPath(scratch, location);
  await makeFolders(scratch);
  await realDisk.remove(path);
  const made = await make(path);
  await storage.put(location, await sourceOfLocalFile(path), { signal });
  await realDisk.remove(path);
  return made;
}

function scratchPath(scratch: string, location: Location): string {
  return join(scratch, `${sha256(location).slice(0, 16)}-${nameOf(location)}`);
}
