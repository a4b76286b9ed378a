import { inputUnsupported } from "../../shared/dataset/input-errors.ts";
import { readPieces, unpackGzip } from "../../shared/dataset/read-packed.ts";
import type { ByteSource } from "../../shared/storage/storage.ts";
import { encodingOf } from "./encodings.ts";
import type { TextForm } from "./op.ts";

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** Reads the content of a text file from `start` on, in pieces. A gzip file's content is uncompressed. */
export async function* readContent(
  source: ByteSource,
  { isGzip, start = 0, signal }: { isGzip: boolean; start?: number; signal: AbortSignal },
): AsyncGenerator<Buffer, void, undefined> {
  if (!isGzip) return yield* readPieces(source, start, signal);
  let skip = start;
  for await (const piece of unpackGzip(source, signal)) {
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
