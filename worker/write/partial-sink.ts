import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Disk, realDisk } from "../../shared/core/disk.ts";
import { syncPath } from "../../shared/core/durable.ts";
import { errorCode } from "../../shared/core/errno.ts";
import { messageOf, ShardmillError } from "../../shared/core/errors.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import { sourceOfLocalFile } from "../../shared/storage/local-file.ts";
import type { Storage } from "../../shared/storage/storage.ts";

/** Where a partial's files are made, and how they get to where the coordinator looks for them. */
export interface PartialSink {
  /** The folder in which files are made, each once, under their final names. */
  readonly path: string;
  /** All files are made: from here on they are where they belong, durably. */
  seal(names: readonly string[], signal: AbortSignal): Promise<void>;
  /** The partial is not to be: what was made of it is removed. */
  discard(): Promise<void>;
}

/**
 * A partial on storage that this worker shares with the coordinator: files are made where they stay, so no
 * byte is written twice. The folder is this execution's alone.
 *
 * @throws {STORE_EXISTS} when the folder is there already
 */
export async function openSharedSink(
  partialsPath: string,
  folder: string,
  disk: Disk = realDisk,
): Promise<PartialSink> {
  const path = join(partialsPath, folder);
  await asStoreError(path, () => disk.mkdir(path));
  return {
    path,
    seal: (names, signal) =>
      asStoreError(path, async () => {
        for (const name of names) {
          signal.throwIfAborted();
          await syncPath(join(path, name), disk);
        }
        await syncPath(path, disk);
        await syncPath(partialsPath, disk);
      }),
    discard: () => disk.remove(path),
  };
}

/**
 * A partial that is made in `scratchPath` and then put where it belongs, file by file. What was put before a
 * failure stays there until the coordinator sweeps: a worker removes nothing there, and nobody was offered
 * it.
 */
export async function openUploadSink(
  storage: Pick<Storage, "put">,
  partialsPath: Location,
  folder: string,
  scratchPath: string,
): Promise<PartialSink> {
  const path = join(scratchPath, "partial");
  await asStoreError(path, () => mkdir(path));
  return {
    path,
    async seal(names, signal) {
      for (const name of names) {
        const source = await sourceOfLocalFile(join(path, name));
        await storage.put(below(partialsPath, folder, name), source, { ifAbsent: true, signal });
      }
    },
    discard: () => rm(path, { recursive: true, force: true }),
  };
}

/** A file that is made piece by piece. */
export interface NewFile extends AsyncDisposable {
  append(bytes: Uint8Array): Promise<void>;
}

/** A new file, with {STORE_EXISTS} and {STORE_FAILED} from it and from each of its calls. */
export async function createFile(path: string): Promise<NewFile> {
  const file = await asStoreError(path, () => open(path, "wx"));
  return {
    append: (bytes) =>
      asStoreError(path, async () => {
        for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten;
      }),
    [Symbol.asyncDispose]: () => asStoreError(path, () => file.close()),
  };
}

/** Errors of the file system as a store's. */
export async function asStoreError<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error && "syscall" in error)) throw error;
    const exists = errorCode(error) === "EEXIST";
    throw new ShardmillError(exists ? "STORE_EXISTS" : "STORE_FAILED", messageOf(error), {
      fields: { path },
      cause: error,
    });
  }
}
