import { createHash } from "node:crypto";
import { join } from "node:path";
import { NEVER } from "../../shared/core/abort.ts";
import { hashed } from "../../shared/core/digest.ts";
import { isShardmillError } from "../../shared/core/errors.ts";
import { below, folderOf, type Location, localPathOf, nameOf } from "../../shared/domain/location.ts";
import { type PartialFile, type PartialManifest, partialFolder } from "../../shared/domain/partial.ts";
import { reasonOf } from "../../shared/storage/errors.ts";
import { isOnThisMachine, makeScratch } from "../../shared/storage/local-paths.ts";
import type { Storage, StoredChecksums } from "../../shared/storage/storage.ts";
import { readChunks } from "../../shared/storage/whole-file.ts";
import { partialInvalid, tellsNothingOf } from "./partial-invalid.ts";

/** What a check does with a storage: it looks, reads and syncs, and changes nothing. */
export type CheckedStorage = Pick<Storage, "list" | "stat" | "real" | "read" | "sync">;

interface CheckAccess {
  readonly storage: CheckedStorage;
  /** What the storage tells of its files, where it has earned to be believed. Left out: they are read. */
  readonly checksums?: StoredChecksums | undefined;
  /** Is given all that is read, chunk by chunk: each is valid until it resolves. */
  readonly take?: (chunk: Uint8Array) => Promise<void>;
  readonly signal: AbortSignal;
}

export function partialLocation(partials: Location, partial: PartialManifest): Location {
  return below(partials, partialFolder(partial));
}

export function partialFileLocation(
  partials: Location,
  partial: PartialManifest,
  file: PartialFile,
): Location {
  return below(partialLocation(partials, partial), file.name);
}

/**
 * The location of a partial's file, which is a file of its own with the manifest's size and sha256: all of it
 * is read, unless its storage is believed.
 *
 * @throws {PARTIAL_INVALID} with the path; {STORE_FAILED} {STORE_REFUSED} when a storage off this machine
 * cannot be asked, which says nothing of the partial; the signal's reason once it aborts
 */
export async function checkFileDigest(
  partials: Location,
  partial: PartialManifest,
  file: PartialFile,
  access: CheckAccess,
): Promise<Location> {
  const path = partialFileLocation(partials, partial, file);
  const isLinked = await isLink(path, access.storage).catch((cause: unknown) => {
    throw unreadable(partial, { path, file, cause }, access.signal);
  });
  if (isLinked) {
    const what = `${file.name} is not a file`;
    throw partialInvalid(partial, { path, what, expected: "a file", found: "a link" });
  }
  return await checkBytes(partials, partial, file, access);
}

/** As {@link checkFileDigest}, for what is known to be no link. */
export async function checkBytes(
  partials: Location,
  partial: PartialManifest,
  file: PartialFile,
  access: CheckAccess,
): Promise<Location> {
  const path = partialFileLocation(partials, partial, file);
  const checkSize = (bytes: number) => {
    if (bytes === file.bytes) return;
    const what = `${file.name} has another size`;
    throw partialInvalid(partial, { path, what, expected: file.bytes, found: bytes });
  };
  const sha256 = await digestOf(path, checkSize, access).catch((cause: unknown) => {
    throw unreadable(partial, { path, file, cause }, access.signal);
  });
  if (sha256 !== file.sha256) {
    const what = `${file.name} has another sha256`;
    throw partialInvalid(partial, { path, what, expected: file.sha256, found: sha256 });
  }
  return path;
}

async function digestOf(
  path: Location,
  checkSize: (bytes: number) => void,
  { storage, checksums, take, signal }: CheckAccess,
): Promise<string> {
  const told = (await checksums?.of(path, signal)) ?? null;
  if (told !== null) {
    checkSize(told.bytes);
    return told.sha256;
  }
  const file = await storage.stat(path, signal);
  checkSize(file.bytes);
  const hash = createHash("sha256");
  for await (const chunk of readChunks(storage, path, file, signal)) {
    hash.update(chunk);
    await take?.(chunk);
  }
  return hashed(hash);
}

/**
 * As {@link checkFileDigest}, of a file that SQL is to read: its path on this machine, where what was checked
 * is, or a copy of it in `scratch`.
 */
export async function checkedPath(
  partials: Location,
  partial: PartialManifest,
  file: PartialFile,
  { scratch, ...access }: CheckAccess & { readonly scratch: string },
): Promise<string> {
  if (isOnThisMachine(partials)) return localPathOf(await checkFileDigest(partials, partial, file, access));
  const path = join(scratch, `${partialFolder(partial)}-${file.name}`);
  let ownFault: unknown = null;
  await makeScratch(path, async (append) => {
    const take = (chunk: Uint8Array) =>
      append(chunk).catch((error: unknown) => {
        ownFault = error;
        throw error;
      });
    // That there is no room here is no fault of the partial's.
    await checkBytes(partials, partial, file, { ...access, take }).catch((error: unknown) => {
      throw ownFault ?? error;
    });
  });
  return path;
}

/** Whether a name in a folder is a link: what it leads to may change, whatever was checked. */
export async function isLink(location: Location, storage: CheckedStorage): Promise<boolean> {
  // There are none off disks, and each look costs requests.
  if (!isOnThisMachine(location)) return false;
  const folder = await storage.real(folderOf(location), NEVER);
  return (await storage.real(location, NEVER)) !== below(folder, nameOf(location));
}

function unreadable(
  partial: PartialManifest,
  { path, file, cause }: { readonly path: Location; readonly file: PartialFile; readonly cause: unknown },
  signal: AbortSignal,
): unknown {
  signal.throwIfAborted();
  if (isShardmillError(cause, "PARTIAL_INVALID") || tellsNothingOf(path, cause)) return cause;
  const found = isShardmillError(cause, "STORE_NOT_FOUND") ? "nothing" : reasonOf(cause);
  return partialInvalid(partial, {
    path,
    what: `${file.name} cannot be read`,
    expected: "a file",
    found,
    cause,
  });
}
