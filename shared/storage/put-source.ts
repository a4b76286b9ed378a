import { createHash } from "node:crypto";
import { asDigest, hashed } from "../core/digest.ts";
import { wrongDigest, wrongSize } from "./errors.ts";
import type { PutOptions, PutSource, StoredFile } from "./storage.ts";

/** Makes a source of bytes in memory. */
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
 * Yields a source's chunks, and checks them against the announced size and digest. Returns their facts.
 *
 * @throws {STORE_FAILED} when the size or the sha256 differs
 */
export async function* checkedChunks(
  path: string,
  source: PutSource,
  { sha256: expected, signal }: Pick<PutOptions, "sha256" | "signal">,
): AsyncGenerator<Uint8Array, StoredFile, undefined> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of source.chunks()) {
    signal.throwIfAborted();
    bytes += chunk.length;
    if (bytes > source.bytes) throw wrongSize(path, source.bytes, bytes);
    hash.update(chunk);
    yield chunk;
  }
  if (bytes < source.bytes) throw wrongSize(path, source.bytes, bytes);
  const sha256 = hashed(hash);
  if (expected !== undefined && sha256 !== expected) throw wrongDigest(path, expected, sha256);
  signal.throwIfAborted();
  return { bytes, sha256 };
}

/** Passes each chunk to `write`. */
export async function drain(
  path: string,
  source: PutSource,
  options: Pick<PutOptions, "sha256" | "signal">,
  write: (chunk: Uint8Array) => Promise<void>,
): Promise<StoredFile> {
  const chunks = checkedChunks(path, source, options);
  try {
    for (;;) {
      const next = await chunks.next();
      if (next.done === true) return next.value;
      await write(next.value);
    }
  } finally {
    // Closes the source when its chunks are no longer needed.
    await chunks.return({ bytes: 0, sha256: asDigest("") });
  }
}
