import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { messageOf } from "../core/errors.ts";
import { inputCorrupt } from "../dataset/input-errors.ts";
import type { ByteSource } from "./storage.ts";

/**
 * Size of a read: large, because each is a round trip on a network file system. Several are in memory at
 * once.
 */
const READ_BYTES = 4 << 20;

/** Returns true for a gzip file, regardless of its name. */
export async function isGzip(source: ByteSource, signal: AbortSignal): Promise<boolean> {
  if (source.bytes < 2) return false;
  const [first, second] = await source.read(0, 2, signal);
  return first === 0x1f && second === 0x8b;
}

/** Reads a file from `start` to its end, in pieces. */
export async function* readPieces(
  source: ByteSource,
  start: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  for (let at = start; at < source.bytes; at += READ_BYTES) {
    const bytes = await source.read(at, Math.min(source.bytes, at + READ_BYTES), signal);
    yield Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}

/**
 * Reads the content of a gzip file, in pieces.
 *
 * @throws {INPUT_CORRUPT} when the file is not whole
 */
export async function* unpackGzip(
  source: ByteSource,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  const gunzip = createGunzip({ chunkSize: 256 << 10 });
  let failure: unknown = null;
  // The consumer of `gunzip` throws decompression errors. A source's error is kept and rethrown unchanged.
  async function* packed() {
    try {
      yield* readPieces(source, 0, signal);
    } catch (error) {
      failure = error;
      throw error;
    }
  }
  pipeline(Readable.from(packed(), { objectMode: false }), gunzip, () => {});
  try {
    for await (const piece of gunzip) yield piece as Buffer;
  } catch (error) {
    if (failure !== null) throw failure;
    throw inputCorrupt({
      path: source.path,
      where: "gzip data",
      expected: "a complete gzip file",
      found: messageOf(error),
      cause: error,
    });
  } finally {
    gunzip.destroy();
  }
}
