import { createHash, type Hash } from "node:crypto";
import { realDisk } from "./disk.ts";

/** Sha256 in hex. */
export type Digest = string & { readonly __brand: "Digest" };

/** Converts a text of a journal, a peer or a store to a digest. An invalid text equals no digest. */
export function asDigest(text: string): Digest {
  return text as Digest;
}

export function sha256(bytes: Uint8Array | string): Digest {
  return hashed(createHash("sha256").update(bytes));
}

/** Returns the digest of all data that the hash received. */
export function hashed(hash: Hash): Digest {
  return asDigest(hash.digest("hex"));
}

/** Returns the sha256 and size of a file. Reads it in one pass. Checks the signal between chunks. */
export function digestFile(path: string, signal: AbortSignal): Promise<{ sha256: Digest; bytes: number }> {
  return digestChunks(realDisk.readChunks(path), signal);
}

/** Digests like {@link digestFile}, from the chunks of a file. */
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

/** Writes JSON with sorted keys. Equal values give equal text, so its digests can be compared. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  );
}
