import { createHash } from "node:crypto";
import { wrongDigest, wrongSize } from "./errors.ts";
import type { PutOptions, PutSource, StoredFile } from "./storage.ts";

/** Bytes that are in memory. */
export function sourceOfBytes(bytes: Uint8Array | string): PutSource {
  const given = typeof bytes === "string" ? Buffer.from(bytes, "utf8") : bytes;
  return {
    bytes: given.length,
    async *chunks() {
      if (given.length > 0) yield given;
    },
  };
}

/**
 * Gives each chunk of a source to `write`, and makes sure that they come to what was announced.
 *
 * @throws {STORE_FAILED} when they are more or fewer bytes, or have another sha256
 */
export async function drain(
  path: string,
  source: PutSource,
  { sha256: expected, signal }: Pick<PutOptions, "sha256" | "signal">,
  write: (chunk: Uint8Array) => Promise<void>,
): Promise<StoredFile> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of source.chunks()) {
    signal?.throwIfAborted();
    bytes += chunk.length;
    if (bytes > source.bytes) throw wrongSize(path, source.bytes, bytes);
    hash.update(chunk);
    await write(chunk);
  }
  if (bytes < source.bytes) throw wrongSize(path, source.bytes, bytes);
  const sha256 = hash.digest("hex");
  if (expected !== undefined && sha256 !== expected) throw wrongDigest(path, expected, sha256);
  signal?.throwIfAborted();
  return { bytes, sha256 };
}
