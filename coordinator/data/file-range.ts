import { open, stat } from "node:fs/promises";
import { errorCode } from "../../shared/core/errno.ts";
import type { ErrorCode } from "../../shared/core/error-codes.ts";
import { isShardmillError, messageOf, ShardmillError } from "../../shared/core/errors.ts";
import type { StoreStat } from "../../shared/store/store.ts";

/** Between the 256 KiB and the 1 MiB at which gRPC is fastest: two of them are in memory for each reader. */
const CHUNK_BYTES = 512 * 1024;

/** @throws {STORE_NOT_FOUND} {STORE_FAILED} */
export async function statFile(path: string): Promise<StoreStat> {
  try {
    const found = await stat(path);
    if (!found.isFile()) throw notAFile(path);
    return { bytes: found.size, mtimeMs: found.mtimeMs };
  } catch (error) {
    throw fileError(path, error);
  }
}

/**
 * Bytes `[start, end)` of a local file, in order. The next chunk is read when the one before it was taken;
 * each owns its memory.
 *
 * @throws {STORE_NOT_FOUND} {STORE_FAILED}, the latter also when the file is shorter than `end`
 */
export async function* readFileRange(
  path: string,
  { start, end }: { readonly start: number; readonly end: number },
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const file = await open(path, "r").catch((error: unknown) => {
    throw fileError(path, error);
  });
  try {
    const found = await file.stat();
    if (!found.isFile()) throw notAFile(path);
    const { size } = found;
    if (end > size) throw tooShort(path, end, size);
    for (let at = start; at < end; ) {
      signal.throwIfAborted();
      const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, end - at));
      const { bytesRead } = await file.read(chunk, 0, chunk.length, at).catch((error: unknown) => {
        throw fileError(path, error);
      });
      if (bytesRead === 0) throw tooShort(path, end, at);
      at += bytesRead;
      yield chunk.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOENT: "STORE_NOT_FOUND",
  ENOTDIR: "STORE_NOT_FOUND",
  EACCES: "STORE_REFUSED",
  EPERM: "STORE_REFUSED",
  EROFS: "STORE_REFUSED",
};

/** A failed file operation as a store's error. */
export function fileError(path: string, cause: unknown): ShardmillError {
  if (isShardmillError(cause)) return cause;
  const errno = errorCode(cause);
  return new ShardmillError(CODES[errno ?? ""] ?? "STORE_FAILED", `${path}: ${messageOf(cause)}`, {
    fields: { path, ...(errno === null ? {} : { errno }) },
    cause,
  });
}

function notAFile(path: string): ShardmillError {
  return new ShardmillError("STORE_FAILED", `${path} is not a file`, { fields: { path } });
}

function tooShort(path: string, expected: number, found: number): ShardmillError {
  return new ShardmillError("STORE_FAILED", `${path} ends at byte ${found}, before ${expected}`, {
    fields: { path, expected, found },
    hint: "was the file changed after the job was planned?",
  });
}
