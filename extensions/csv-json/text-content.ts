import { inputUnsupported } from "../../shared/dataset/input-errors.ts";
import { readPieces, unpackFile, unpackGzip } from "../../shared/dataset/read-packed.ts";
import type { ByteSource } from "../../shared/storage/storage.ts";
import { encodingOf } from "./encodings.ts";
import type { TextForm, TextPacking } from "./op.ts";

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** Returns the compression of a file by its first bytes, regardless of its name. Null: none. */
export async function packingOf(source: ByteSource, signal: AbortSignal): Promise<TextPacking | null> {
  const [first = 0, ...others] = await source.read(0, Math.min(4, source.bytes), signal);
  if (first === 0x1f && others[0] === 0x8b) return "gzip";
  // Parallel packers begin with a frame that is skipped: RFC 8878, section 3.1.2.
  const isFrame = first === 0x28 && others.join() === "181,47,253";
  const isSkipped = first >> 4 === 5 && others.join() === "42,77,24";
  return isFrame || isSkipped ? "zstd" : null;
}

/** Reads the content of a text file from `start` on, in pieces. A compressed file is unpacked. */
export async function* readContent(
  source: ByteSource,
  { packing, start = 0, signal }: { packing: TextPacking | null; start?: number; signal: AbortSignal },
): AsyncGenerator<Buffer, void, undefined> {
  if (packing === null) return yield* readPieces(source, start, signal);
  let skip = start;
  const content =
    packing === "gzip"
      ? unpackGzip(source, signal)
      : unpackFile(source, { packing, unpack: unpackZstd, signal });
  for await (const piece of content) {
    if (piece.length > skip) yield piece.subarray(skip);
    skip = Math.max(0, skip - piece.length);
  }
}

/** Loads the decoder when it is needed, because few files are packed by zstd. */
async function* unpackZstd(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  const zstd = await import("../../shared/dataset/unpack-zstd.ts");
  yield* zstd.unpackZstd(pieces);
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
