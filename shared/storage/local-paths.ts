import { dirname, join } from "node:path";
import { sha256 } from "../core/digest.ts";
import { type Disk, realDisk } from "../core/disk.ts";
import { makeFolders } from "../core/make-folders.ts";
import { folderOf, type Location, localPathOf, nameOf, schemeOf } from "../domain/location.ts";
import { asStorageErrors } from "./errors.ts";
import { sourceOfLocalFile } from "./local-file.ts";
import type { Storage } from "./storage.ts";
import { readChunks } from "./whole-file.ts";

/**
 * A storage, and a folder of this machine's disk for what lies in it, for libraries that know paths alone.
 */
export interface ScratchPlace {
  readonly storage: Storage;
  readonly scratch: string;
  readonly signal: AbortSignal;
}

export function isOnThisMachine(location: Location): boolean {
  return schemeOf(location) === "file";
}

/**
 * Whether files are made where they belong, by path, and synced. Elsewhere they are made in a scratch folder,
 * and then put whole.
 */
export function isMadeInPlace(location: Location, { can }: Pick<Storage, "can">): boolean {
  return isOnThisMachine(location) && can.sync;
}

/**
 * Makes a folder of the caller's own, in one that is there. Its name is durable once that one is synced.
 *
 * @throws {STORE_EXISTS} when the name is taken
 */
export async function makeOwnFolder(path: string, disk: Pick<Disk, "mkdir"> = realDisk): Promise<void> {
  await asStorageErrors("make", path, () => disk.mkdir(path));
}

/** The path of a file that is to be read: where it is, or that of a copy in the scratch folder. */
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

/** Makes a file of this machine, and its folder if needed, in place of one that may be left there. */
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
 * Makes a file by something that writes to a path: where it belongs (see {@link isMadeInPlace}), or in the
 * scratch folder, from which it is put whole. Durable when it returns. What is there is replaced, and may be
 * seen half made.
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
