import { formatBytes } from "../core/units.ts";
import { END_BYTES } from "../storage/small-file.ts";
import type { ByteSource } from "../storage/storage.ts";
import { inputCorrupt, inputUnsupported } from "./input-errors.ts";

/** Bytes of the footer's length and `PAR1` after the footer. The least file also has `PAR1` at its start. */
const TRAILER_BYTES = 8;
const LEAST_BYTES = 12;

/** Limit of a footer. A larger one (millions of column chunks) would exceed the decoder's memory. */
const FOOTER_LIMIT_BYTES = 256 << 20;

/** End of a Parquet file, from `start` to its last byte. */
export interface ParquetTail {
  readonly start: number;
  readonly bytes: Uint8Array;
  /** Thrift-encoded metadata: the part of `bytes` before the trailer. */
  readonly footer: Uint8Array;
}

/**
 * Reads the footer and checks its frame: magic bytes and length.
 * Format: https://parquet.apache.org/docs/file-format/
 *
 * @throws {INPUT_CORRUPT} when the frame is broken
 * @throws {INPUT_UNSUPPORTED} when the footer is encrypted or exceeds its limit
 */
export async function readParquetTail(source: ByteSource, signal: AbortSignal): Promise<ParquetTail> {
  const { path, bytes: size } = source;
  if (size < LEAST_BYTES) {
    throw inputCorrupt({
      path,
      where: "footer",
      expected: `a Parquet file of at least ${LEAST_BYTES} bytes`,
      found: size === 0 ? "the file is empty" : `only ${size} bytes`,
    });
  }
  let start = Math.max(0, size - END_BYTES);
  let bytes = await source.read(start, size, signal);
  checkMagic(path, bytes, start === 0);

  const footerBytes = dataView(bytes).getUint32(bytes.length - TRAILER_BYTES, true);
  if (footerBytes === 0 || footerBytes > size - LEAST_BYTES) {
    throw inputCorrupt({
      path,
      where: "footer",
      expected: `a footer length between 1 and ${size - LEAST_BYTES} bytes`,
      found: `a footer length of ${footerBytes} bytes`,
    });
  }
  if (footerBytes > FOOTER_LIMIT_BYTES) {
    const what = `a footer of ${formatBytes(footerBytes)}`;
    throw inputUnsupported(path, what, "write it as several files, or with larger row groups");
  }
  if (footerBytes + TRAILER_BYTES > bytes.length) {
    start = size - TRAILER_BYTES - footerBytes;
    bytes = await source.read(start, size, signal);
  }
  const footerEnd = bytes.length - TRAILER_BYTES;
  return { start, bytes, footer: bytes.subarray(footerEnd - footerBytes, footerEnd) };
}

function checkMagic(path: string, tail: Uint8Array, isWholeFile: boolean): void {
  const end = magicAt(tail, tail.length - 4);
  if (end === "PARE") {
    throw inputUnsupported(path, "an encrypted footer", "write it without Parquet encryption");
  }
  if (end !== "PAR1") {
    const isArrow = magicAt(tail, tail.length - 6, 6) === "ARROW1";
    throw inputCorrupt({
      path,
      where: "footer",
      expected: "PAR1 as the last four bytes",
      found: isArrow
        ? "an Arrow file: set input.format to arrow"
        : `${JSON.stringify(end)}: not a Parquet file, or one that was cut short`,
    });
  }
  if (isWholeFile && magicAt(tail, 0) !== "PAR1") {
    throw inputCorrupt({
      path,
      where: "header",
      expected: "PAR1 as the first four bytes",
      found: JSON.stringify(magicAt(tail, 0)),
    });
  }
}

function magicAt(bytes: Uint8Array, offset: number, length = 4): string {
  return Buffer.from(bytes.subarray(offset, offset + length)).toString("latin1");
}

function dataView(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
