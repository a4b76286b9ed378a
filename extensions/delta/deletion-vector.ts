import { crc32 } from "node:zlib";
import { sha256 } from "../../shared/core/digest.ts";
import { isShardmillError } from "../../shared/core/errors.ts";
import { formatBytes, formatCount } from "../../shared/core/units.ts";
import { inputUnsupported } from "../../shared/dataset/input-errors.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import { type DeletedRows, writeStretches } from "./deleted-rows.ts";
import type { DeletionVector } from "./log/actions.ts";
import { dataPath } from "./log/data-path.ts";
import { logCorrupt } from "./log/log-error.ts";
import type { LogStorage } from "./log/read-log.ts";

/** Limit of one vector: half a billion rows of which any may be deleted. */
const MOST_BYTES = 64 << 20;

/** Limit of deleted rows in a file. Listing them takes seconds. */
const MOST_ROWS = 100_000_000;

/** First bytes of a vector: a bitmap of 64 bits in the portable format. */
const MAGIC = 1_681_511_377;

/** Bytes before the bitmap of 32 bits: magic, the number of bitmaps, and the high bits of its rows. */
const HEAD_BYTES = 16;

/** Characters of a UUID in z85. */
const UUID_CHARS = 20;

const ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

const VALUES = new Map([...ALPHABET].map((char, value) => [char, value]));

interface VectorOf {
  readonly table: Location;
  /** Data file, for messages. */
  readonly file: Location;
  readonly vector: DeletionVector;
}

/**
 * Reads which rows of a data file are deleted. Null: none are.
 *
 * Format: https://github.com/delta-io/delta/blob/master/PROTOCOL.md#deletion-vector-format
 *
 * @throws {INPUT_CORRUPT} when the checksum, the size or the number of rows is another
 * @throws {INPUT_NOT_FOUND} when its file is gone
 */
export async function readDeletionVector(
  of: VectorOf,
  storage: LogStorage,
  signal: AbortSignal,
): Promise<DeletedRows | null> {
  const { file, vector } = of;
  if (vector.bytes > MOST_BYTES)
    throw tooLarge(file, `a deletion vector of more than ${formatBytes(MOST_BYTES)}`);
  if (vector.rows > MOST_ROWS) throw tooLarge(file, `more than ${formatCount(MOST_ROWS)} deleted rows`);
  const bytes =
    vector.storage === "i" ? inlineBytes(of) : await storedBytes(of, vectorPath(of), storage, signal);
  return await decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), of);
}

function tooLarge(file: Location, what: string): Error {
  return inputUnsupported(file, what, "remove the deleted rows with REORG TABLE ... APPLY (PURGE)");
}

function inlineBytes(of: VectorOf): Uint8Array {
  const bytes = z85Bytes(of.vector.place);
  if (bytes === null || bytes.length < of.vector.bytes)
    throw corrupt(of, `${of.vector.bytes} bytes in z85`, "others");
  return bytes.subarray(0, of.vector.bytes);
}

/** A relative vector is in a file of the table that is named after a UUID, below an optional prefix. */
function vectorPath(of: VectorOf): Location {
  const { table, vector } = of;
  if (vector.storage === "p") return dataPath(table, vector.place);
  const prefix = vector.place.slice(0, -UUID_CHARS);
  const id = z85Bytes(vector.place.slice(-UUID_CHARS));
  if (id?.length !== 16 || !/^[A-Za-z0-9_-]*$/.test(prefix))
    throw corrupt(of, "a prefix and a UUID in z85", vector.place);
  const uuid = Buffer.from(id)
    .toString("hex")
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  return below(table, ...(prefix === "" ? [] : [prefix]), `deletion_vector_${uuid}.bin`);
}

/** The bytes are between their length and their checksum. */
async function storedBytes(
  of: VectorOf,
  path: Location,
  storage: LogStorage,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { offset, bytes } = of.vector;
  const { bytes: all, version } = await storage.stat(path, signal).catch((error: unknown) => {
    throw isShardmillError(error, "STORE_NOT_FOUND") ? corrupt(of, `a file ${path}`, "nothing") : error;
  });
  const end = offset + 4 + bytes + 4;
  if (end > all) throw corrupt(of, `${end} bytes in ${path}`, `${all} bytes`);
  const read = await storage.read(path, offset, end, { version, signal });
  const view = new DataView(read.buffer, read.byteOffset, read.length);
  const length = view.getUint32(0);
  if (length !== bytes) throw corrupt(of, `${bytes} bytes at ${offset} of ${path}`, `${length} bytes`);
  const content = read.subarray(4, 4 + bytes);
  const checksum = crc32(content);
  const expected = view.getUint32(4 + bytes);
  if (checksum !== expected) throw corrupt(of, `checksum ${expected} in ${path}`, String(checksum));
  return content;
}

async function decode(bytes: Buffer, of: VectorOf): Promise<DeletedRows | null> {
  const { rows } = of.vector;
  const magic = bytes.length < 4 ? 0 : bytes.readUInt32LE(0);
  if (bytes.length < HEAD_BYTES - 4 || magic !== MAGIC)
    throw corrupt(of, "a bitmap in the portable format", "another");
  const bitmaps = bytes.readBigUInt64LE(4);
  if (bitmaps === 0n && rows === 0) return null;
  if (bitmaps !== 1n || bytes.length < HEAD_BYTES || bytes.readUInt32LE(12) !== 0)
    throw corrupt(of, "rows below 4,294,967,296", "others");
  const { RoaringBitmap32 } = (await import("roaring-wasm")).default;
  const bitmap = new RoaringBitmap32();
  try {
    bitmap.deserialize(bytes.subarray(HEAD_BYTES), "portable");
    if (bitmap.size !== rows) throw corrupt(of, `${rows} deleted rows`, `${bitmap.size} rows`);
    return rows === 0 ? null : asDeleted(stretchesOf(bitmap), { rows, last: bitmap.maximum() });
  } catch (error) {
    throw isShardmillError(error) ? error : corrupt(of, "a bitmap in the portable format", "another", error);
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

function asDeleted(
  stretches: Iterable<{ readonly start: number; readonly end: number }>,
  { rows, last }: Pick<DeletedRows, "rows" | "last">,
): DeletedRows {
  const bytes = writeStretches(stretches);
  return { stretches: bytes.toString("base64"), rows, last, sha256: sha256(bytes) };
}

function corrupt({ file }: VectorOf, expected: string, found: string, cause?: unknown): Error {
  return logCorrupt({ path: file, where: "deletion vector", expected, found, cause });
}

/**
 * Decodes z85, in which five characters are four bytes. Null: the text is none.
 *
 * Source: https://rfc.zeromq.org/spec/32/
 */
function z85Bytes(text: string): Uint8Array | null {
  if (text.length % 5 !== 0) return null;
  const bytes = new Uint8Array((text.length / 5) * 4);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < text.length; at += 5) {
    let value = 0;
    for (let char = at; char < at + 5; char += 1) {
      const digit = VALUES.get(text[char] ?? "");
      if (digit === undefined) return null;
      value = value * 85 + digit;
    }
    if (value >= 2 ** 32) return null;
    view.setUint32((at / 5) * 4, value);
  }
  return bytes;
}
