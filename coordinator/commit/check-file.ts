import { createHash } from "node:crypto";
import { isShardmillError } from "../../shared/core/errors.ts";
import { below, folderOf, type Location, nameOf } from "../../shared/domain/location.ts";
import { type PartialFile, type PartialManifest, partialFolder } from "../../shared/domain/partial.ts";
import { reasonOf } from "../../shared/storage/errors.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { readChunks } from "../../shared/storage/whole-file.ts";
import { partialInvalid } from "./partial-invalid.ts";

/** What a check does with a storage: it looks, reads and syncs, and changes nothing. */
export type CheckedStorage = Pick<Storage, "list" | "stat" | "real" | "read" | "sync">;

interface CheckAccess {
  readonly storage: CheckedStorage;
  readonly signal?: AbortSignal;
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
 * is read.
 *
 * @throws {PARTIAL_INVALID} with the path; the signal's reason once it aborts
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
  { storage, signal }: CheckAccess,
): Promise<Location> {
  const path = partialFileLocation(partials, partial, file);
  const hash = createHash("sha256");
  try {
    const { bytes } = await storage.stat(path, signal);
    if (bytes !== file.bytes) {
      const what = `${file.name} has another size`;
      throw partialInvalid(partial, { path, what, expected: file.bytes, found: bytes });
    }
    for await (const chunk of readChunks(storage, path, bytes, signal)) hash.update(chunk);
  } catch (cause) {
    throw unreadable(partial, { path, file, cause }, signal);
  }
  const sha256 = hash.digest("hex");
  if (sha256 !== file.sha256) {
    const what = `${file.name} has another sha256`;
    throw partialInvalid(partial, { path, what, expected: file.sha256, found: sha256 });
  }
  return path;
}

/** Whether a name in a folder is a link: what it leads to may change, whatever was checked. */
export async function isLink(location: Location, storage: CheckedStorage): Promise<boolean> {
  const folder = await storage.real(folderOf(location));
  return (await storage.real(location)) !== below(folder, nameOf(location));
}

function unreadable(
  partial: PartialManifest,
  { path, file, cause }: { readonly path: Location; readonly file: PartialFile; readonly cause: unknown },
  signal: AbortSignal | undefined,
): unknown {
  signal?.throwIfAborted();
  if (isShardmillError(cause, "PARTIAL_INVALID")) return cause;
  const found = isShardmillError(cause, "STORE_NOT_FOUND") ? "nothing" : reasonOf(cause);
  return partialInvalid(partial, {
    path,
    what: `${file.name} cannot be read`,
    expected: "a file",
    found,
    cause,
  });
}
