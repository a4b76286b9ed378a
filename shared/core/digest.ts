import { createHash } from "node:crypto";
import { type Disk, type ReadableFile, realDisk } from "./disk.ts";

/** The sha256 of `bytes`, in hex. */
export function sha256(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/**
 * The sha256 and size of a file, read in one pass with bounded memory. Looks at the signal between chunks.
 */
export async function digestFile(
  path: string,
  signal?: AbortSignal,
  disk: Disk = realDisk,
): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of disk.readChunks(path)) {
    signal?.throwIfAborted();
    bytes += chunk.length;
    hash.update(chunk);
  }
  signal?.throwIfAborted();
  return { sha256: hash.digest("hex"), bytes };
}

/** Files are read so much at a time, and a smaller one at once: less costs calls, more only memory. */
const CHUNK_BYTES = 1 << 20;

/**
 * Chunks for the next files of this thread. A new one for each would leave a megabyte of garbage a file, of
 * which V8 lets some 64 MiB lie. Files are checked one after the other or a few at once: more than these are
 * not kept.
 */
const spareChunks: Buffer[] = [];
const MOST_SPARE = 4;

/**
 * The sha256 of an open file that should be `bytes` long. One that is longer is read no further than to see
 * that: it gives another digest.
 */
export async function digestOpenFile(
  file: Pick<ReadableFile, "readInto">,
  bytes: number,
  signal?: AbortSignal,
): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash("sha256");
  const whole = spareChunks.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
  const chunk = whole.subarray(0, Math.min(CHUNK_BYTES, bytes + 1));
  let at = 0;
  for (let found = chunk.length; found === chunk.length && at <= bytes; at += found) {
    signal?.throwIfAborted();
    found = await file.readInto(chunk, at);
    hash.update(chunk.subarray(0, found));
  }
  // Not after a failure: nobody knows whether that read is over.
  if (spareChunks.length < MOST_SPARE) spareChunks.push(whole);
  return { sha256: hash.digest("hex"), bytes: at };
}

/** JSON with sorted keys: equal values give equal text, so digests of it can be compared. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  );
}
