import { createHash } from "node:crypto";
import { hashed } from "../core/digest.ts";
import { isShardmillError } from "../core/errors.ts";
import { freeBuffers } from "../core/free-buffers.ts";
import type { FileStat, Location } from "../domain/location.ts";
import type { Storage, StoredFile } from "./storage.ts";

/** Chunk of a read. Smaller chunks cost calls, larger ones only cost memory. */
const CHUNK_BYTES = 1 << 20;

/** Reads a small text file. */
export async function readText(
  storage: Pick<Storage, "stat" | "read">,
  location: Location,
  signal: AbortSignal,
): Promise<string> {
  const read = async () => {
    const { bytes, version } = await storage.stat(location, signal);
    return Buffer.from(await storage.read(location, 0, bytes, { version, signal })).toString("utf8");
  };
  // A file that was replaced meanwhile is read again.
  return await read().catch((error: unknown) => {
    if (isShardmillError(error, "STORE_CHANGED")) return read();
    throw error;
  });
}

/** Reads like {@link readText}. Null: no such file. */
export async function readTextIfThere(
  storage: Pick<Storage, "stat" | "read">,
  location: Location,
  signal: AbortSignal,
): Promise<string | null> {
  return await readText(storage, location, signal).catch((error: unknown) => {
    if (isShardmillError(error, "STORE_NOT_FOUND")) return null;
    throw error;
  });
}

/**
 * Returns the size and the sha256 of a file, read in one pass with bounded memory.
 *
 * @param look receives each chunk, as {@link readChunks} yields it
 * @throws {STORE_CHANGED} when the file is replaced meanwhile, if the storage detects it
 */
export async function digestStored(
  storage: Pick<Storage, "stat" | "read">,
  location: Location,
  {
    look,
    signal,
  }: { readonly look?: ((chunk: Uint8Array) => void) | undefined; readonly signal: AbortSignal },
): Promise<StoredFile> {
  const file = await storage.stat(location, signal);
  const hash = createHash("sha256");
  for await (const chunk of readChunks(storage, location, file, signal)) {
    hash.update(chunk);
    look?.(chunk);
  }
  return { bytes: file.bytes, sha256: hashed(hash) };
}

/**
 * Yields the first `bytes` bytes of a file, in order. A chunk is valid until the next request.
 *
 * @param file status of the file from its storage
 * @throws {STORE_FAILED} when the file is shorter
 * @throws {STORE_CHANGED} when it has another version
 */
export async function* readChunks(
  storage: Pick<Storage, "read">,
  location: Location,
  { bytes, version }: FileStat,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes; at += CHUNK_BYTES) {
    const chunk = await storage.read(location, at, Math.min(bytes, at + CHUNK_BYTES), { version, signal });
    yield chunk;
    if (chunk.buffer instanceof ArrayBuffer) freeBuffers([chunk.buffer]);
  }
}
