import { crc32 } from "node:zlib";
import { isShardmillError } from "../../shared/core/errors.ts";
import { formatBytes, formatCount } from "../../shared/core/units.ts";
import { inputCorrupt, inputUnsupported } from "../../shared/dataset/input-errors.ts";
import type { Location } from "../../shared/domain/location.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { asDeleted, type DeletedRows } from "./op.ts";

/** Limit of one vector: half a billion rows of which any may be deleted. */
const MOST_BYTES = 64 << 20;

/** Limit of deleted rows in a file. Listing them takes seconds. */
const MOST_ROWS = 100_000_000;

/** First bytes of a vector: a bitmap of 64 bits in the portable format. */
const MAGIC = 1_681_511_377;

/** Bytes before the bitmap of 32 bits: magic, the number of bitmaps, and the high bits of its rows. */
const HEAD_BYTES = 16;

/** Set of deleted rows of a data file. Delta and Iceberg tables have the same format for it. */
export interface Vector {
  /** Data file, for messages. */
  readonly file: Location;
  /** Bytes of the set. */
  readonly bytes: number;
  /** Count of deleted rows. */
  readonly rows: number;
  /** Remedy for a set that is too large. */
  readonly hint: string;
}

/** @throws {INPUT_UNSUPPORTED} when a vector is too large to be read */
export function refuseLargeVector({ file, bytes, rows, hint }: Vector): void {
  if (bytes > MOST_BYTES)
    throw inputUnsupported(file, `a deletion vector of more than ${formatBytes(MOST_BYTES)}`, hint);
  if (rows > MOST_ROWS)
    throw inputUnsupported(file, `more than ${formatCount(MOST_ROWS)} deleted rows`, hint);
}

/** Place of a vector in a file: its length, the set, and its checksum. */
interface VectorPlace {
  readonly path: Location;
  readonly offset: number;
}

/**
 * Reads a vector from a file.
 *
 * Format: https://github.com/delta-io/delta/blob/master/PROTOCOL.md#deletion-vector-format
 *
 * @throws {INPUT_CORRUPT} when the checksum or the size is another, or the file is gone
 */
export async function storedVector(
  vector: Vector,
  { path, offset }: VectorPlace,
  storage: Pick<Storage, "stat" | "read">,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { bytes } = vector;
  const { bytes: all, version } = await storage.stat(path, signal).catch((error: unknown) => {
    throw isShardmillError(error, "STORE_NOT_FOUND")
      ? vectorCorrupt(vector, `a file ${path}`, "nothing")
      : error;
  });
  const end = offset + 4 + bytes + 4;
  if (end > all) throw vectorCorrupt(vector, `${end} bytes in ${path}`, `${all} bytes`);
  const read = await storage.read(path, offset, end, { version, signal });
  const view = new DataView(read.buffer, read.byteOffset, read.length);
  const length = view.getUint32(0);
  if (length !== bytes)
    throw vectorCorrupt(vector, `${bytes} bytes at ${offset} of ${path}`, `${length} bytes`);
  const content = read.subarray(4, 4 + bytes);
  const checksum = crc32(content);
  const expected = view.getUint32(4 + bytes);
  if (checksum !== expected) throw vectorCorrupt(vector, `checksum ${expected} in ${path}`, String(checksum));
  return content;
}

/**
 * Decodes a vector. Null: no rows are deleted.
 *
 * @throws {INPUT_CORRUPT} when it is none, or has another number of rows
 */
export async function decodeVector(vector: Vector, content: Uint8Array): Promise<DeletedRows | null> {
  const { rows } = vector;
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.length);
  const magic = bytes.length < 4 ? 0 : bytes.readUInt32LE(0);
  if (bytes.length < HEAD_BYTES - 4 || magic !== MAGIC)
    throw vectorCorrupt(vector, "a bitmap in the portable format", "another");
  const bitmaps = bytes.readBigUInt64LE(4);
  if (bitmaps === 0n && rows === 0) return null;
  if (bitmaps !== 1n || bytes.length < HEAD_BYTES || bytes.readUInt32LE(12) !== 0)
    throw vectorCorrupt(vector, "rows below 4,294,967,296", "others");
  const { RoaringBitmap32 } = (await import("roaring-wasm")).default;
  const bitmap = new RoaringBitmap32();
  try {
    bitmap.deserialize(bytes.subarray(HEAD_BYTES), "portable");
    if (bitmap.size !== rows) throw vectorCorrupt(vector, `${rows} deleted rows`, `${bitmap.size} rows`);
    return rows === 0 ? null : asDeleted(stretchesOf(bitmap));
  } catch (error) {
    throw isShardmillError(error)
      ? error
      : vectorCorrupt(vector, "a bitmap in the portable format", "another", error);
  } finally {
    bitmap.dispose();
  }
}

function* stretchesOf(rows: Iterable<number>) {
  let start = -1;
  let end = -1;
  for (const row of rows) {
    if (row !== end) {
      if (end >= 0) yield { start, end };
      start = row;
    }
    end = row + 1;
  }
  if (end >= 0) yield { start, end };
}

/** Returns the error for a vector that violates its format, or its table. */
export function vectorCorrupt({ file }: Vector, expected: string, found: string, cause?: unknown): Error {
  return inputCorrupt({ path: file, where: "deletion vector", expected, found, cause });
}
