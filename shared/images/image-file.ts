import { isShardmillError } from "../core/errors.ts";
import { formatBytes } from "../core/units.ts";
import { below, isLocation, type Location } from "../domain/location.ts";
import { isNotAFile, reasonOf } from "../storage/errors.ts";
import type { Storages } from "../storage/open-storage.ts";

/** Larger than any image that is decoded. It is read whole. */
const MAX_FILE_BYTES = 256 * 1024 * 1024;

/** The bytes of an image's file, or why there are none. */
export type ImageFile =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "refused"; readonly why: string };

/**
 * Reads the image that a row names: by a location, or by a path from `folder` on.
 *
 * @throws {STORE_FAILED} when the place itself fails, which another attempt may find mended
 */
export async function readImageFile(
  storages: Storages,
  name: string,
  { folder, signal }: { readonly folder: Location; readonly signal: AbortSignal },
): Promise<ImageFile> {
  const location = locationOf(name, folder);
  if (location === null) return refused(`is named ${JSON.stringify(name)}, which is no path and no location`);
  try {
    const storage = await storages.at(location);
    const { bytes } = await storage.stat(location, signal);
    if (bytes > MAX_FILE_BYTES)
      return refused(`is a file of ${formatBytes(bytes)}, more than ${formatBytes(MAX_FILE_BYTES)}`);
    return { kind: "bytes", bytes: await storage.read(location, 0, bytes, signal) };
  } catch (error) {
    if (!isOfThisFile(error)) throw error;
    return refused(`cannot be read: ${reasonOf(error)}`);
  }
}

function refused(why: string): ImageFile {
  return { kind: "refused", why };
}

function locationOf(name: string, folder: Location): Location | null {
  if (isLocation(name)) return name;
  const isPath = name !== "" && !name.includes("\0") && !/^[A-Za-z][A-Za-z0-9+.-]+:/.test(name);
  return isPath ? below(folder, name) : null;
}

function isOfThisFile(error: unknown): boolean {
  return (
    isShardmillError(error, "STORE_NOT_FOUND") ||
    isShardmillError(error, "STORE_REFUSED") ||
    isNotAFile(error)
  );
}
