import { createHash } from "node:crypto";
import { isShardmillError } from "../core/errors.ts";
import { freeBuffers } from "../core/free-buffers.ts";
import type { Location } from "../domain/location.ts";
import type { Storage, StoredFile } from "./storage.ts";

/** Files are read so much at a time: less costs calls, more only memory. */
const CHUNK_BYTES = 1 << 20;

/** A small file of text. */
export async function readText(
  storage: Pick<Storage, "stat" | "read">,
  location: Location,
  signal?: AbortSignal,
): Promise<string> {
  const { bytes } = await storage.stat(location, signal);
  return Buffer.from(await storage.read(location, 0, bytes, signal)).toString("utf8");
}

/** As {@link readText}; null when there is no such file. */
export async function readTextIfThere(
  storage: Pick<Storage, "stat" | "read">,
  location: Location,
): Promise<string | null> {
  return await readText(storage, location).catch((error: unknown) => {
    if (isShardmillError(error, "STORE_NOT_FOUND")) return null;
    throw error;
  });
}

/**
 * The size and the sha256 of a file, read in one pass with bounded memory.
 *
 * @param look is shown each chunk, as {@link readChunks} gives it
 */
export async function digestStored(
  storage: Pick<Storage, "stat" | "read">,
  location: Location,
  signal?: AbortSignal,
  look?: (chunk: Uint8Array) => void,
): Promise<StoredFile> {
  const { bytes } = await storage.stat(location, signal);
  const hash = createHash("sha256");
  for await (const chunk of readChunks(storage, location, bytes, signal)) {
    hash.update(chunk);
    look?.(chunk);
  }
  return { bytes, sha256: hash.digest("hex") };
}

/**
 * The first `bytes` bytes of a file, in order. A chunk is valid until the next one is asked for.
 *
 * @throws {STORE_FAILED} when the file is shorter
 */
export async function* readChunks(
  storage: Pick<Storage, "read">,
  location: Location,
  bytes: number,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes; at += CHUNK_BYTES) {
    const chunk = await storage.read(location, at, Math.min(bytes, at + CHUNK_BYTES), signal);
    yield chunk;
    if (chunk.buffer instanceof ArrayBuffer) freeBuffers([chunk.buffer]);
  }
}
