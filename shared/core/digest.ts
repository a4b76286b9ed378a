import { createHash, type Hash } from "node:crypto";
import { realDisk } from "./disk.ts";

/** A sha256, in hex. */
export type Digest = string & { readonly __brand: "Digest" };

/** Takes a text of a journal, a peer or a store for a digest. Another text is equal to none. */
export function asDigest(text: string): Digest {
  return text as Digest;
}

/** The sha256 of `bytes`. */
export function sha256(bytes: Uint8Array | string): Digest {
  return hashed(createHash("sha256").update(bytes));
}

/** The digest of all that a sha256 hash was given. */
export function hashed(hash: Hash): Digest {
  return asDigest(hash.digest("hex"));
}

/**
 * The sha256 and size of a file, read in one pass with bounded memory. Looks at the signal between chunks.
 */
export function digestFile(path: string, signal: AbortSignal): Promise<{ sha256: Digest; bytes: number }> {
  return digestChunks(realDisk.readChunks(path), signal);
}

/** As {@link digestFile}, of the chunks of a file. */
export async function digestChunks(
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<{ sha256: Digest; bytes: number }> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of chunks) {
    signal.throwIfAborted();
    bytes += chunk.length;
    hash.update(chunk);
  }
  signal.throwIfAborted();
  return { sha256: hashed(hash), bytes };
}

/** JSON with sorted keys: equal values give equal text, so digests of it can be compared. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  );
}
