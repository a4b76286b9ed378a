import { crc32 } from "node:zlib";
import type { Disk, ReadableFile } from "../../shared/core/disk.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import type { JournalRecord, RecordOf } from "../schedule/state/record.ts";
import { decodeFrames, decodeHeader, HEADER_BYTES, JOURNAL_VERSION } from "./framing.ts";

/** Bytes that are read and decoded at a time, because a segment may exceed the size of a buffer. */
const PIECE_BYTES = 64 * 1024 * 1024;
/** Bytes that are read at a time when only their checksum is needed. */
const CHECKED_BYTES = 1024 * 1024;

/**
 * Most bytes to search for a whole record. More than a crash can leave incomplete: what may wait to be
 * written, and the largest record.
 */
const MOST_TORN_BYTES = 512 * 1024 * 1024;

/** Room for a header and the first record of a segment. */
const BEGINNING_BYTES = 4_096;

/** A prefix of a segment: its length, and its crc32. */
export interface SegmentStretch {
  readonly bytes: number;
  readonly crc32: number;
}

interface SegmentContent extends SegmentStretch {
  readonly records: JournalRecord[];
  /** Null: the segment was not read from its beginning. */
  readonly started: RecordOf<"generationStarted"> | null;
}

interface WhichStretch {
  readonly generation: number;
  /** Prefix that was read already. Reading starts after it, at a record. */
  readonly from: SegmentStretch;
  /** End of the valid bytes. */
  readonly end: number;
  readonly pieceBytes?: number;
}

/**
 * Reads the records of a segment, and the length that they fill. The length is less than the file's when a
 * crash cut off the last record.
 *
 * @throws {JOURNAL_CORRUPT}
 */
export async function readSegment(path: string, which: WhichStretch, disk: Disk): Promise<SegmentContent> {
  const { generation, from, pieceBytes = PIECE_BYTES } = which;
  const records: JournalRecord[] = [];
  let [at, crc, end, room] = [from.bytes, from.crc32, which.end, pieceBytes];
  await using file = await opened(path, disk);
  if (at === 0) checkHeader(path, await file.read(0, Math.min(end, HEADER_BYTES)), generation);
  while (at < end) {
    const piece = await file.read(at, Math.min(room, end - at));
    if (piece.length < Math.min(room, end - at)) end = at + piece.length;
    const found = decodeFrames(piece, at === 0 ? Math.min(HEADER_BYTES, piece.length) : 0);
    for (const record of found.records) records.push(record);
    const good = found.end.kind === "clean" ? piece.length : found.end.at;
    const isAll = at + piece.length >= end;
    // For no bytes, crc32 returns 0 instead of the previous value.
    if (good > 0) crc = crc32(piece.subarray(0, good), crc);
    if (found.end.kind !== "clean" && found.end.kind !== "torn") refuse(path, found.end, at);
    at += good;
    if (found.end.kind === "torn" && isAll) break;
    if (good === 0 && room >= MOST_TORN_BYTES)
      throw corrupt(path, `no whole record begins in the next ${room} bytes`, at);
    // The record continues after the piece, or is damaged. A larger piece shows which.
    room = good === 0 ? room * 2 : pieceBytes;
  }
  const [first] = records;
  const begun = first?.kind === "generationStarted" && first.generation === generation;
  if (from.bytes === 0 && !begun)
    throw corrupt(path, `it does not begin with the start of generation ${generation}`, 0);
  return { records, started: from.bytes === 0 && begun ? first : null, bytes: at, crc32: crc };
}

/**
 * Returns the first record of a segment. Null: the segment was only claimed, or a crash cut off that record.
 * No record is ever written after an incomplete one.
 *
 * @throws {JOURNAL_CORRUPT} when the segment begins with something else
 */
export async function readBeginning(
  path: string,
  generation: number,
  disk: Disk,
): Promise<RecordOf<"generationStarted"> | null> {
  await using file = await opened(path, disk);
  const beginning = await file.read(0, BEGINNING_BYTES);
  const { records, end } = decodeFrames(beginning);
  const [first] = records;
  if (beginning.length <= HEADER_BYTES) return null;
  checkHeader(path, beginning, generation);
  if (records.length === 0 && end.kind === "torn" && beginning.length < BEGINNING_BYTES) return null;
  if (first?.kind === "generationStarted" && first.generation === generation) return first;
  if (end.kind !== "clean" && end.kind !== "torn") refuse(path, end, 0);
  throw corrupt(path, `it does not begin with the start of generation ${generation}`, 0);
}

/** Returns how many of these prefixes, in order, the segment still has with the same crc32. */
export async function matchingStretches(
  path: string,
  { generation, end }: Pick<WhichStretch, "generation" | "end">,
  stretches: readonly SegmentStretch[],
  disk: Disk,
): Promise<number> {
  await using file = await opened(path, disk);
  const header = decodeHeader(await file.read(0, HEADER_BYTES));
  if (header.kind !== "header" || header.generation !== generation) return 0;
  // One buffer for all pieces: allocating each of them takes as long as reading it.
  const bytes = Buffer.allocUnsafe(CHECKED_BYTES);
  let [at, crc, matching] = [0, 0, 0];
  for (const [index, stretch] of stretches.entries()) {
    if (stretch.bytes < at || stretch.bytes > end) break;
    while (at < stretch.bytes) {
      const piece = bytes.subarray(0, stretch.bytes - at);
      const read = await file.readInto(piece, at);
      if (read === 0) return matching;
      crc = crc32(piece.subarray(0, read), crc);
      at += read;
    }
    if (crc === stretch.crc32) matching = index + 1;
  }
  return matching;
}

async function opened(path: string, disk: Disk) {
  const file: ReadableFile = await disk.open(path, "r");
  return {
    /** Reads `length` bytes. Fewer: the file ends there. */
    async read(at: number, length: number): Promise<Buffer> {
      const bytes = Buffer.allocUnsafe(length);
      return bytes.subarray(0, await file.readInto(bytes, at));
    },
    readInto: (bytes: Buffer, at: number) => file.readInto(bytes, at),
    [Symbol.asyncDispose]: () => file.close(),
  };
}

function checkHeader(path: string, beginning: Buffer, generation: number): void {
  const header = decodeHeader(beginning);
  if (header.kind === "otherVersion") {
    const { version } = header;
    throw foreign(path, `it has format version ${version}, and this version reads ${JOURNAL_VERSION}`, 0);
  }
  if (header.kind === "notAJournal") throw corrupt(path, "it does not begin like a journal", 0);
  if (header.generation !== generation)
    throw corrupt(path, `it does not begin with the start of generation ${generation}`, 0);
}

type BadEnd = Exclude<ReturnType<typeof decodeFrames>["end"], { readonly kind: "clean" | "torn" }>;

function refuse(path: string, end: BadEnd, pieceAt: number): never {
  const at = pieceAt + end.at;
  if (end.kind === "damaged")
    throw corrupt(path, `a damaged record is followed by a whole one at byte ${pieceAt + end.nextAt}`, at);
  if (end.kind === "unknownKind") throw foreign(path, `it has a record of the unknown kind ${end.found}`, at);
  throw corrupt(path, `a record is invalid: ${end.what}`, at);
}

export function corrupt(path: string, what: string, at: number): ShardmillError {
  return new ShardmillError("JOURNAL_CORRUPT", `the journal ${path} is damaged: ${what}`, {
    fields: { path, at },
    hint: "restore the file from a copy, or start the job over with --fresh",
  });
}

export function foreign(path: string, what: string, at: number): ShardmillError {
  return new ShardmillError(
    "JOURNAL_CORRUPT",
    `the journal ${path} was written by another version: ${what}`,
    {
      fields: { path, at },
      hint: "resume the job with the version that wrote it, or start it over with --fresh",
    },
  );
}
