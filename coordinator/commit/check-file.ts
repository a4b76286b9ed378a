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
import { hasNoVerdictOn, partialInvalid } from "./partial-invalid.ts";

/** Storage calls of a check: a check changes nothing. */
export type CheckedStorage = Pick<Storage, "list" | "stat" | "real" | "read" | "sync">;

interface CheckAccess {
  readonly storage: CheckedStorage;
  /** Checksums that the storage keeps, where they are trusted. Default: the check reads the files. */
  readonly checksums?: StoredChecksums | undefined;
  /** Receives each chunk that is read. A chunk is valid until the call resolves. */
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
 * Checks that a partial's file is a regular file with the manifest's size and sha256. Reads the whole file,
 * unless the storage's checksums are trusted.
 *
 * @returns the location of the file
 * @throws {PARTIAL_INVALID} with the path
 * @throws {STORE_FAILED} {STORE_REFUSED} when a storage off this machine fails, which does not make the
 *   partial invalid
 * @throws the signal's reason once it aborts
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

/** Checks a file that is known to be no link, as {@link checkFileDigest} does. */
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
  const stored = (await checksums?.of(path, signal)) ?? null;
  if (stored !== null) {
    checkSize(stored.bytes);
    return stored.sha256;
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
 * Checks a file that SQL will read, as {@link checkFileDigest} does.
 *
 * @returns the path on this machine of the checked file, or of a copy in `scratch` for other storages
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
    // A full local disk does not make the partial invalid.
    await checkBytes(partials, partial, file, { ...access, take }).catch((error: unknown) => {
      throw ownFault ?? error;
    });
  });
  return path;
}

/** Checks whether a name in a folder is a link. The target of a link may change after a check. */
export async function isLink(location: Location, storage: CheckedStorage): Promise<boolean> {
  // Stores have no links, and each check costs requests.
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
  if (isShardmillError(cause, "PARTIAL_INVALID") || hasNoVerdictOn(path, cause)) return cause;
  const found = isShardmillError(cause, "STORE_NOT_FOUND") ? "nothing" : reasonOf(cause);
  return partialInvalid(partial, {
    path,
    what: `${file.name} cannot be read`,
    expected: "a file",
    found,
    cause,
  });
}
