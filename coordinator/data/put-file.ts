import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { digestFile } from "../../shared/core/digest.ts";
import { type Disk, realDisk } from "../../shared/core/disk.ts";
import { syncPath } from "../../shared/core/durable.ts";
import { errorCode } from "../../shared/core/errno.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { placeOnce } from "../../shared/core/hard-link.ts";
import { makeFolder } from "../../shared/core/make-folders.ts";
import { systemRandom } from "../../shared/core/random.ts";
import { fileError } from "./file-range.ts";

export interface PutFile {
  /** Made if needed, in a folder that is there: what was removed with a job is not made anew. */
  readonly folder: string;
  readonly name: string;
  /** What `chunks` must come to. */
  readonly bytes: number;
  readonly chunks: AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal;
  readonly disk?: Disk;
}

/**
 * Writes a file whole and durable, or not at all: to a temporary name beside it, synced, then placed under
 * its own name, which fails where a rename would overwrite. Repeating a put that succeeded succeeds.
 *
 * @throws {STORE_EXISTS} when a file with other bytes is there
 * @throws {STORE_FAILED} when the bytes are not as many as announced, or the disk fails
 */
export async function putFile(options: PutFile): Promise<void> {
  const { folder, name, bytes, chunks, signal, disk = realDisk } = options;
  const path = join(folder, name);
  const temporary = join(folder, `.${name}.${systemRandom.hex(6)}.tmp`);
  try {
    await makeFolder(folder, disk);
    try {
      const sha256 = await writeSynced(temporary, { path, bytes, chunks, signal, disk });
      signal.throwIfAborted();
      await linkOnce(temporary, path, { bytes, sha256, signal, disk });
    } finally {
      await disk.unlink(temporary).catch(ignoreMissing);
    }
    // A new name is durable once its folder is; a folder that another made may not be yet.
    await syncPath(folder, disk);
    await syncPath(dirname(folder), disk);
  } catch (error) {
    signal.throwIfAborted();
    throw fileError(path, error);
  }
}

/** Returns the sha256 of what was written. */
async function writeSynced(
  temporary: string,
  {
    path,
    bytes,
    chunks,
    signal,
    disk,
  }: Pick<PutFile, "bytes" | "chunks" | "signal"> & {
    path: string;
    disk: Disk;
  },
): Promise<string> {
  const hash = createHash("sha256");
  const file = await disk.open(temporary, "wx");
  try {
    let written = 0;
    for await (const chunk of chunks) {
      signal.throwIfAborted();
      written += chunk.length;
      if (written > bytes) throw wrongSize(path, bytes, written);
      hash.update(chunk);
      await file.write(chunk);
    }
    if (written < bytes) throw wrongSize(path, bytes, written);
    await file.sync();
  } finally {
    await file.close();
  }
  return hash.digest("hex");
}

async function linkOnce(
  temporary: string,
  path: string,
  { bytes, sha256, signal, disk }: { bytes: number; sha256: string; signal: AbortSignal; disk: Disk },
): Promise<void> {
  try {
    await placeOnce(temporary, path, disk);
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
    const there = await disk.lstat(path);
    if (there.size === bytes && (await digestFile(path, signal, disk)).sha256 === sha256) return;
    throw new ShardmillError("STORE_EXISTS", `${path} exists with other bytes`, {
      fields: { path, bytes: there.size },
      cause: error,
    });
  }
}

function ignoreMissing(error: unknown): void {
  if (errorCode(error) !== "ENOENT") throw error;
}

function wrongSize(path: string, expected: number, found: number): ShardmillError {
  return new ShardmillError("STORE_FAILED", `${path}: ${found} bytes came where ${expected} were announced`, {
    fields: { path, expected, found },
  });
}
