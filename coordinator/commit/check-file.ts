import { join } from "node:path";
import { digestOpenFile } from "../../shared/core/digest.ts";
import { type Disk, type ReadableDisk, type ReadableFile, realDisk } from "../../shared/core/disk.ts";
import { errorCode } from "../../shared/core/errno.ts";
import { messageOf } from "../../shared/core/errors.ts";
import { type PartialFile, type PartialManifest, partialFolder } from "../../shared/domain/partial.ts";
import { partialInvalid } from "./partial-invalid.ts";

export function partialFilePath(partialsPath: string, partial: PartialManifest, file: PartialFile): string {
  return join(partialsPath, partialFolder(partial), file.name);
}

/**
 * The path of a partial's file, which is there, is a plain file, and has the manifest's size. Reads no data.
 *
 * @throws {PARTIAL_INVALID} with the path
 */
export async function checkFileSize(
  partialsPath: string,
  partial: PartialManifest,
  file: PartialFile,
  disk: Pick<ReadableDisk, "lstat"> = realDisk,
): Promise<string> {
  const path = partialFilePath(partialsPath, partial, file);
  const stats = await disk.lstat(path).catch((cause: unknown) => {
    const found = errorCode(cause) === "ENOENT" ? "nothing" : messageOf(cause);
    throw partialInvalid(partial, {
      path,
      what: `${file.name} cannot be read`,
      expected: "a file",
      found,
      cause,
    });
  });
  if (stats.kind !== "file") {
    const found = stats.kind === "link" ? "a link" : "something else";
    throw partialInvalid(partial, { path, what: `${file.name} is not a file`, expected: "a file", found });
  }
  if (stats.size !== file.bytes) {
    const what = `${file.name} has another size`;
    throw partialInvalid(partial, { path, what, expected: file.bytes, found: stats.size });
  }
  return path;
}

/** A partial's file that is open, and all of which has been read: its size and sha256 are the manifest's. */
export interface CheckedFile {
  readonly path: string;
  /** The caller closes it. */
  readonly handle: ReadableFile;
}

/** @throws {PARTIAL_INVALID} with the path; the signal's reason once it aborts */
export async function openChecked(
  partialsPath: string,
  partial: PartialManifest,
  file: PartialFile,
  { disk, signal }: { readonly disk: ReadableDisk; readonly signal?: AbortSignal },
): Promise<CheckedFile> {
  const path = await checkFileSize(partialsPath, partial, file, disk);
  const unreadable = (cause: unknown) => {
    signal?.throwIfAborted();
    const what = `${file.name} cannot be read`;
    return partialInvalid(partial, { path, what, expected: "a file", found: messageOf(cause), cause });
  };
  const handle = await disk.open(path, "r").catch((cause: unknown) => {
    throw unreadable(cause);
  });
  try {
    const found = await digestOpenFile(handle, file.bytes, signal).catch((cause: unknown) => {
      throw unreadable(cause);
    });
    if (found.sha256 !== file.sha256) {
      const what = `${file.name} has another sha256`;
      throw partialInvalid(partial, { path, what, expected: file.sha256, found: found.sha256 });
    }
    return { path, handle };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * The path of a partial's file, whose size and sha256 are the manifest's: all of it is read.
 *
 * @throws {PARTIAL_INVALID} with the path
 */
export async function checkFileDigest(
  partialsPath: string,
  partial: PartialManifest,
  file: PartialFile,
  signal: AbortSignal,
  disk: Disk = realDisk,
): Promise<string> {
  const { path, handle } = await openChecked(partialsPath, partial, file, { disk, signal });
  await handle.close();
  return path;
}
