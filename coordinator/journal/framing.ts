import { crc32 } from "node:zlib";
import type { JournalRecord } from "../schedule/state/record.ts";
import { asRecord } from "./record-shape.ts";

/*
 * A segment is a header and frames, all numbers little-endian:
 *
 *     header  "SHMLJRNL" | version u32 | generation u32
 *     frame   FF 53 4D 52 | payload bytes u32 | crc32 of length and payload u32 | payload
 *
 * A payload is one record as JSON in UTF-8. The byte FF never occurs in UTF-8, so no payload contains a
 * frame's mark. So a reader can find the frame after a damaged one by its mark.
 */

/** Version 2: a shard is a range of the dataset's rows. In version 1 it was a range of one file's rows. */
export const JOURNAL_VERSION = 2;
export const HEADER_BYTES = 16;
const MAGIC = Buffer.from("SHMLJRNL", "latin1");
const MARK = Buffer.from([0xff, 0x53, 0x4d, 0x52]);
const FRAME_HEAD_BYTES = 12;

/**
 * The largest record is a sealed plan, with some 30 bytes a shard and 100 a file. The limit allows about two
 * million of each.
 */
const MAX_RECORD_BYTES = 256 * 1024 * 1024;

export function encodeHeader(generation: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt32LE(JOURNAL_VERSION, 8);
  header.writeUInt32LE(generation, 12);
  return header;
}

/** @throws an Error when the record is larger than {@link MAX_RECORD_BYTES} */
export function encodeRecord(record: JournalRecord): Buffer {
  const payload = Buffer.from(JSON.stringify(record), "utf8");
  if (payload.length > MAX_RECORD_BYTES) throw new Error(`a record of ${payload.length} bytes is too large`);
  const frame = Buffer.allocUnsafe(FRAME_HEAD_BYTES + payload.length);
  MARK.copy(frame);
  frame.writeUInt32LE(payload.length, 4);
  payload.copy(frame, FRAME_HEAD_BYTES);
  frame.writeUInt32LE(frameCrc(frame, 0, payload.length), 8);
  return frame;
}

type DecodedHeader =
  | { readonly kind: "header"; readonly generation: number }
  | { readonly kind: "otherVersion"; readonly version: number }
  | { readonly kind: "notAJournal" };

export function decodeHeader(segment: Buffer): DecodedHeader {
  if (segment.length < HEADER_BYTES || MAGIC.compare(segment, 0, MAGIC.length) !== 0)
    return { kind: "notAJournal" };
  const version = segment.readUInt32LE(8);
  if (version === 0) return { kind: "notAJournal" };
  if (version !== JOURNAL_VERSION) return { kind: "otherVersion", version };
  return { kind: "header", generation: segment.readUInt32LE(12) };
}

/** End of a segment's frames. Offsets are in bytes from the start of the decoded bytes. */
type FramesEnd =
  /** The segment ends after a whole frame. */
  | { readonly kind: "clean" }
  /** The last frame is incomplete, and no whole frame follows: a crash cut off the write. */
  | { readonly kind: "torn"; readonly at: number }
  /** A whole frame follows a damaged one: written bytes were lost. */
  | { readonly kind: "damaged"; readonly at: number; readonly nextAt: number }
  /** The frame is whole, but this version cannot read the record in it. */
  | { readonly kind: "unknownKind"; readonly at: number; readonly found: string }
  | { readonly kind: "malformed"; readonly at: number; readonly what: string };

/**
 * Decodes a segment up to the first bad frame. Returns its records, and how the frames end. Never throws.
 *
 * @param from offset of the first frame
 */
export function decodeFrames(
  segment: Buffer,
  from = HEADER_BYTES,
): {
  readonly records: JournalRecord[];
  readonly end: FramesEnd;
} {
  const records: JournalRecord[] = [];
  let at = from;
  while (at < segment.length) {
    const payload = payloadAt(segment, at);
    if (payload === null) {
      const nextAt = findFrame(segment, at + 1);
      return { records, end: nextAt === null ? { kind: "torn", at } : { kind: "damaged", at, nextAt } };
    }
    const checked = parse(payload);
    if (checked.kind === "unknownKind")
      return { records, end: { kind: "unknownKind", at, found: checked.found } };
    if (checked.kind === "malformed") return { records, end: { kind: "malformed", at, what: checked.what } };
    records.push(checked.record);
    at += FRAME_HEAD_BYTES + payload.length;
  }
  return { records, end: { kind: "clean" } };
}

/** Returns the payload of the whole frame at `at`. Null: there is none. */
function payloadAt(segment: Buffer, at: number): Buffer | null {
  const start = at + FRAME_HEAD_BYTES;
  if (start > segment.length || MARK.compare(segment, at, at + MARK.length) !== 0) return null;
  const length = segment.readUInt32LE(at + 4);
  if (length > MAX_RECORD_BYTES || start + length > segment.length) return null;
  return frameCrc(segment, at, length) === segment.readUInt32LE(at + 8)
    ? segment.subarray(start, start + length)
    : null;
}

function findFrame(segment: Buffer, from: number): number | null {
  for (let at = segment.indexOf(MARK, from); at !== -1; at = segment.indexOf(MARK, at + 1)) {
    if (payloadAt(segment, at) !== null) return at;
  }
  return null;
}

/** Covers the length, too: with a flipped bit in it, other bytes must not pass as the frame. */
function frameCrc(segment: Buffer, at: number, length: number): number {
  const start = at + FRAME_HEAD_BYTES;
  return crc32(segment.subarray(start, start + length), crc32(segment.subarray(at + 4, at + 8)));
}

function parse(payload: Buffer) {
  try {
    return asRecord(JSON.parse(payload.toString("utf8")));
  } catch {
    return { kind: "malformed", what: "not JSON" } as const;
  }
}
