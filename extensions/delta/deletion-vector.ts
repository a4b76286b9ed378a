import { below, type Location } from "../../shared/domain/location.ts";
import {
  decodeVector,
  refuseLargeVector,
  storedVector,
  type Vector,
  vectorCorrupt,
} from "../lake/deletion-vector.ts";
import type { DeletedRows } from "../lake/op.ts";
import type { DeletionVector } from "./log/actions.ts";
import { dataPath } from "./log/data-path.ts";
import type { LogStorage } from "./log/read-log.ts";

/** Characters of a UUID in z85. */
const UUID_CHARS = 20;

const ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

const VALUES = new Map([...ALPHABET].map((char, value) => [char, value]));

const HINT = "remove the deleted rows with REORG TABLE ... APPLY (PURGE)";

interface VectorOf {
  readonly table: Location;
  /** Data file, for messages. */
  readonly file: Location;
  readonly vector: DeletionVector;
}

/**
 * Reads which rows of a data file are deleted. Null: none are.
 *
 * @throws {INPUT_CORRUPT} when the checksum, the size or the number of rows is another, or its file is gone
 * @throws {INPUT_UNSUPPORTED} when it is too large
 */
export async function readDeletionVector(
  { table, file, vector: { storage: kind, place, offset, bytes, rows } }: VectorOf,
  storage: LogStorage,
  signal: AbortSignal,
): Promise<DeletedRows | null> {
  const vector = { file, bytes, rows, hint: HINT };
  refuseLargeVector(vector);
  if (kind === "i") return await decodeVector(vector, inlineBytes(vector, place));
  const path = kind === "p" ? dataPath(table, place) : relativePath(vector, table, place);
  return await decodeVector(vector, await storedVector(vector, { path, offset }, storage, signal));
}

function inlineBytes(vector: Vector, text: string): Uint8Array {
  const bytes = z85Bytes(text);
  if (bytes === null || bytes.length < vector.bytes)
    throw vectorCorrupt(vector, `${vector.bytes} bytes in z85`, "others");
  return bytes.subarray(0, vector.bytes);
}

/** A relative vector is in a file of the table that is named after a UUID, below an optional prefix. */
function relativePath(vector: Vector, table: Location, place: string): Location {
  const prefix = place.slice(0, -UUID_CHARS);
  const id = z85Bytes(place.slice(-UUID_CHARS));
  if (id?.length !== 16 || !/^[A-Za-z0-9_-]*$/.test(prefix))
    throw vectorCorrupt(vector, "a prefix and a UUID in z85", place);
  const uuid = Buffer.from(id)
    .toString("hex")
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  return below(table, ...(prefix === "" ? [] : [prefix]), `deletion_vector_${uuid}.bin`);
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
