import { randomUUID } from "node:crypto";
import { constants, type Stats } from "node:fs";
import { copyFile, type FileHandle, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { syncPath } from "../core/durable.ts";
import { errorCode } from "../core/errno.ts";
import type { ErrorCode } from "../core/error-codes.ts";
import { messageOf, ShardmillError } from "../core/errors.ts";
import { placeOnce } from "../core/hard-link.ts";
import { makeFolders } from "../core/make-folders.ts";
import { FileHandles } from "./file-handles.ts";
import type { Store, StoreStat } from "./store.ts";

/** A store that holds files open between reads: dispose it when done. */
export interface LocalStore extends Store, AsyncDisposable {}

/** Files on this machine, or on whatever it has mounted. */
export function createLocalStore(): LocalStore {
  return new LocalFiles();
}

class LocalFiles implements LocalStore {
  readonly #handles = new FileHandles();

  async stat(path: string, signal?: AbortSignal): Promise<StoreStat> {
    signal?.throwIfAborted();
    const found = await attempt("stat", path, () => stat(path));
    requireFile(path, found);
    return { bytes: found.size, mtimeMs: found.mtimeMs };
  }

  async readRange(path: string, start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    signal?.throwIfAborted();
    if (!(Number.isSafeInteger(start) && Number.isSafeInteger(end) && 0 <= start && start <= end)) {
      throw new ShardmillError("STORE_FAILED", `[${start}, ${end}) is not a range of bytes`, {
        fields: { path, start, end },
      });
    }
    return attempt("read", path, () =>
      this.#handles.use(path, async (handle) => {
        const bytes = new Uint8Array(end - start);
        await readFully(handle, bytes, { path, start, signal });
        return bytes;
      }),
    );
  }

  async putOnce(path: string, localPath: string, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const folder = dirname(path);
    await attempt("make the folder of", path, () => makeFolders(folder));
    const staged = join(folder, `.${randomUUID()}.tmp`);
    try {
      await attempt("read", localPath, () => copyFile(localPath, staged, constants.COPYFILE_EXCL));
      signal?.throwIfAborted();
      await attempt("write", path, () => syncPath(staged));
      // Unlike a rename, it fails where a file is already, even when two writers race.
      await attempt("write", path, () => placeOnce(staged, path));
      await attempt("write", path, () => syncPath(folder));
    } finally {
      await rm(staged, { force: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handles[Symbol.asyncDispose]();
  }
}

/** One read of more than 2 GiB fails on Linux; and between pieces an abort is noticed. */
const PIECE_BYTES = 16 << 20;

interface Place {
  readonly path: string;
  readonly start: number;
  readonly signal: AbortSignal | undefined;
}

async function readFully(
  handle: FileHandle,
  bytes: Uint8Array,
  { path, start, signal }: Place,
): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    signal?.throwIfAborted();
    const wanted = Math.min(PIECE_BYTES, bytes.length - done);
    const { bytesRead } = await handle.read(bytes, done, wanted, start + done);
    if (bytesRead === 0) {
      const end = start + bytes.length;
      throw new ShardmillError("STORE_FAILED", `${path} ends at ${start + done}, before ${end}`, {
        fields: { path, start, end, fileBytes: start + done },
        hint: "the file was cut short since it was listed",
      });
    }
    done += bytesRead;
  }
}

function requireFile(path: string, found: Stats): void {
  if (found.isFile()) return;
  throw new ShardmillError("STORE_FAILED", `${path} is ${found.isDirectory() ? "a folder" : "not a file"}`, {
    fields: { path },
  });
}

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOENT: "STORE_NOT_FOUND",
  ENOTDIR: "STORE_NOT_FOUND",
  EEXIST: "STORE_EXISTS",
  EACCES: "STORE_REFUSED",
  EPERM: "STORE_REFUSED",
  EROFS: "STORE_REFUSED",
};

async function attempt<T>(verb: string, path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const code = errorCode(error);
    // Not from the file system: our own error, or the signal's reason.
    if (error instanceof ShardmillError || code === null) throw error;
    throw new ShardmillError(CODES[code] ?? "STORE_FAILED", `cannot ${verb} ${path}: ${messageOf(error)}`, {
      fields: { path, errno: code },
      cause: error,
    });
  }
}
