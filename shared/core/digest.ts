import { createHash } from "node:crypto";
import { realDisk } from "./disk.ts";

/** The sha256 of `bytes`, in hex. */
export function sha256(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/**
 * The sha256 and size of a file, read in one pass with bounded memory. Looks at the signal between chunks.
 */
export function digestFile(path: string, signal: AbortSignal): Promise<{ sha256: string; bytes: number }> {
  return digestChunks(realDisk.readChunks(path), signal);
}

/** As {@link digestFile}, of the chunks of a file. */
export async function digestChunks(
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of chunks) {
    signal.throwIfAborted();
    bytes += chunk.length;
    hash.update(chunk);
  }
  signal.throwIfAborted();
  return { sha256: hash.digest("hex"), bytes };
}

/** JSON with sorted keys: equal values give equal text, so digests of it can be compared. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  );
}
