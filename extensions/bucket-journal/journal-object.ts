import { crc32 } from "node:zlib";
import {
  decodeFrames,
  decodeHeader,
  encodeHeader,
  HEADER_BYTES,
  JOURNAL_VERSION,
} from "../../coordinator/journal/framing.ts";
import { corrupt, foreign } from "../../coordinator/journal/read-segment.ts";
import type { JournalRecord } from "../../coordinator/schedule/state/record.ts";
import { below, type Location } from "../../shared/domain/location.ts";

/*
 * Object of a journal in a bucket: records that were written together. All numbers are little-endian.
 *
 *     header as in a segment | writer 16 bytes | at u64 | crc32 of all before u32 | frames as in a segment
 *
 * The concatenated frames of a generation's objects are its stream. `at` is the offset of the object's first
 * frame in the stream. The writer is random for each generation, so two coordinators never put the same
 * bytes.
 */
const WRITER_AT = HEADER_BYTES;
const AT_AT = WRITER_AT + 16;
const CRC_AT = AT_AT + 8;
const HEAD_BYTES = CRC_AT + 4;

/** Digits of a number, enough for sixty years of puts. Names then sort in the order of the numbers. */
const NUMBER_DIGITS = 12;

/** Writer of an object, and the object's offset in the generation's stream. */
interface ObjectHead {
  readonly generation: number;
  /** Random id in hex. */
  readonly writer: string;
  readonly at: number;
}

export interface JournalObject extends ObjectHead {
  readonly frameBytes: number;
  /**
   * Returns the records from an offset of the generation's stream, which must begin a frame. An offset before
   * the object returns all of its records.
   */
  records(from: number): readonly JournalRecord[];
}

/** @param number counts from 1 over all generations */
export function objectLocation(journal: Location, number: number): Location {
  return below(journal, String(number).padStart(NUMBER_DIGITS, "0"));
}

export function encodeObject({ generation, writer, at }: ObjectHead, frames: Uint8Array): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  encodeHeader(generation).copy(head);
  head.write(writer, WRITER_AT, "hex");
  head.writeBigUInt64LE(BigInt(at), AT_AT);
  head.writeUInt32LE(crc32(head.subarray(0, CRC_AT)), CRC_AT);
  return Buffer.concat([head, frames]);
}

/** @throws {JOURNAL_CORRUPT} when the object is damaged or has an unsupported format */
export function decodeObject(path: string, object: Buffer): JournalObject {
  const header = decodeHeader(object);
  if (header.kind === "otherVersion")
    throw foreign(
      path,
      `it has format version ${header.version}, and this version reads ${JOURNAL_VERSION}`,
      0,
    );
  const isWhole =
    object.length >= HEAD_BYTES && object.readUInt32LE(CRC_AT) === crc32(object.subarray(0, CRC_AT));
  if (header.kind === "notAJournal" || !isWhole) throw corrupt(path, "it does not begin like a journal", 0);
  const at = Number(object.readBigUInt64LE(AT_AT));
  return {
    generation: header.generation,
    writer: object.toString("hex", WRITER_AT, AT_AT),
    at,
    frameBytes: object.length - HEAD_BYTES,
    records: (from) => {
      const skipped = Math.min(Math.max(0, from - at), object.length - HEAD_BYTES);
      const { records, end } = decodeFrames(object, HEAD_BYTES + skipped);
      if (end.kind === "clean") return records;
      if (end.kind === "unknownKind")
        throw foreign(path, `it has a record of the unknown kind ${end.found}`, end.at);
      // A put is atomic. A torn end, which a crash leaves in a segment, is damage here.
      throw corrupt(path, "a record is incomplete", end.at);
    },
  };
}

/** Length of the prefix that has the writer of an object. */
export const WRITER_END = AT_AT;

export function writerOf(beginning: Uint8Array): string {
  return Buffer.from(beginning).toString("hex", WRITER_AT, AT_AT);
}
