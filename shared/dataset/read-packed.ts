import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { messageOf } from "../core/errors.ts";
import type { ByteSource } from "../storage/storage.ts";
import { inputCorrupt } from "./input-errors.ts";

/**
 * Size of a read: large, because each is a round trip on a network file system. Several are in memory at
 * once.
 */
const READ_BYTES = 4 << 20;

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
export function unpackGzip(source: ByteSource, signal: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
  return unpackFile(source, { packing: "gzip", unpack: gunzipPieces, signal });
}

async function* gunzipPieces(packed: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  const gunzip = createGunzip({ chunkSize: 256 << 10 });
  pipeline(Readable.from(packed, { objectMode: false }), gunzip, () => {});
  try {
    for await (const piece of gunzip) yield piece as Buffer;
  } finally {
    gunzip.destroy();
  }
}

interface UnpackOptions {
  /** Name of the compression in messages: `gzip`. */
  readonly packing: string;
  unpack(packed: AsyncIterable<Buffer>): AsyncIterable<Buffer>;
  readonly signal: AbortSignal;
}

/**
 * Reads the content of a compressed file, in pieces.
 *
 * @throws {INPUT_CORRUPT} when `unpack` throws. Errors of the source are thrown unchanged.
 */
export async function* unpackFile(
  source: ByteSource,
  { packing, unpack, signal }: UnpackOptions,
): AsyncGenerator<Buffer, void, undefined> {
  let failure: unknown = null;
  async function* packed() {
    try {
      yield* readPieces(source, 0, signal);
    } catch (error) {
      failure = error;
      throw error;
    }
  }
  try {
    yield* unpack(packed());
  } catch (error) {
    if (failure !== null) throw failure;
    throw inputCorrupt({
      path: source.path,
      where: `${packing} data`,
      expected: `a complete ${packing} file`,
      found: messageOf(error),
      cause: error,
    });
  }
}
