import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { messageOf } from "../../shared/core/errors.ts";
import { inputCorrupt, inputUnsupported } from "../../shared/dataset/input-errors.ts";
import type { ByteSource } from "../../shared/storage/storage.ts";
import { encodingOf } from "./encodings.ts";
import type { TextForm } from "./op.ts";

/**
 * Size of a read: large, because each is a round trip on a network file system. Several are in memory at
 * once.
 */
const READ_BYTES = 4 << 20;

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** Returns true for a gzip file, regardless of its name. */
export async function isGzip(source: ByteSource, signal: AbortSignal): Promise<boolean> {
  if (source.bytes < 2) return false;
  const [first, second] = await source.read(0, 2, signal);
  return first === 0x1f && second === 0x8b;
}

/** Reads the content of a text file from `start` on, in pieces. A gzip file's content is uncompressed. */
export async function* readContent(
  source: ByteSource,
  { isGzip, start = 0, signal }: { isGzip: boolean; start?: number; signal: AbortSignal },
): AsyncGenerator<Buffer, void, undefined> {
  if (!isGzip) return yield* readPieces(source, start, signal);
  let skip = start;
  for await (const piece of unpack(source, signal)) {
    if (piece.length > skip) yield piece.subarray(skip);
    skip = Math.max(0, skip - piece.length);
  }
}

/**
 * Returns the length of a content's byte order mark.
 *
 * @throws {INPUT_UNSUPPORTED} when the mark is of UTF-16 but the form is not
 */
export function markBytes(content: Buffer, path: string, form: TextForm): number {
  if (content.subarray(0, 3).equals(BYTE_ORDER_MARK)) return BYTE_ORDER_MARK.length;
  const [first, second] = content;
  const found = UTF_16_MARKS.find((mark) => mark.first === first && mark.second === second);
  if (found === undefined) return 0;
  if (encodingOf(form) === found.encoding) return 2;
  const hint =
    form.kind === "csv" ? `set input.csv.encoding: ${found.encoding}` : "convert the file to UTF-8";
  throw inputUnsupported(path, found.encoding.toUpperCase(), hint);
}

const UTF_16_MARKS = [
  { first: 0xff, second: 0xfe, encoding: "utf-16le" },
  { first: 0xfe, second: 0xff, encoding: "utf-16be" },
] as const;

async function* readPieces(
  source: ByteSource,
  start: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  for (let at = start; at < source.bytes; at += READ_BYTES) {
    const bytes = await source.read(at, Math.min(source.bytes, at + READ_BYTES), signal);
    yield Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}

async function* unpack(source: ByteSource, signal: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
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
