import { join } from "node:path";
import { digestFile } from "../../shared/core/digest.ts";
import { type Disk, realDisk } from "../../shared/core/disk.ts";
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
  disk: Disk = realDisk,
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
  const path = await checkFileSize(partialsPath, partial, file, disk);
  const found = await digestFile(path, signal, disk).catch((cause: unknown) => {
    signal.throwIfAborted();
    const what = `${file.name} cannot be read`;
    throw partialInvalid(partial, { path, what, expected: "a file", found: messageOf(cause), cause });
  });
  if (found.sha256 !== file.sha256) {
    const what = `${file.name} has another sha256`;
    throw partialInvalid(partial, { path, what, expected: file.sha256, found: found.sha256 });
  }
  return path;
}

export function errorCode(error: unknown): string | null {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;
}
