import { crc32 } from "node:zlib";
import type { Disk, ReadableFile } from "../../shared/core/disk.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import type { JournalRecord, RecordOf } from "../schedule/state/record.ts";
import { decodeFrames, decodeHeader, HEADER_BYTES, JOURNAL_VERSION } from "./framing.ts";

/** So much of a segment is read and decoded at a time: it may be longer than any buffer. */
const PIECE_BYTES = 64 * 1024 * 1024;
/** ... and so many where they are only compared. */
const CHECKED_BYTES = 1024 * 1024;

/**
 * More than a crash leaves unfinished: what may wait to be written, and the largest record. Behind so many
 * bytes without a whole record nothing is looked for.
 */
const MOST_TORN_BYTES = 512 * 1024 * 1024;

/** Room for a header and the first record of a segment. */
const BEGINNING_BYTES = 4_096;

/** How much of a segment is meant, and the crc32 of it. */
export interface SegmentStretch {
  readonly bytes: number;
  readonly crc32: number;
}

interface SegmentContent extends SegmentStretch {
  readonly records: JournalRecord[];
  /** Null where its beginning was not read. */
  readonly started: RecordOf<"generationStarted"> | null;
}

interface WhichStretch {
  readonly generation: number;
  /** Read already: reading begins behind it, at a record. */
  readonly from: SegmentStretch;
  /** Up to here it counts. */
  readonly end: number;
  readonly pieceBytes?: number;
}

/**
 * The records of a segment, and how much of it they are: less than all where the last is not whole, as a
 * crash leaves it.
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
    // Of no bytes the library gives 0, whatever came before.
    if (good > 0) crc = crc32(piece.subarray(0, good), crc);
    if (found.end.kind !== "clean" && found.end.kind !== "torn") refuse(path, found.end, at);
    at += good;
    if (found.end.kind === "torn" && isAll) break;
    if (good === 0 && room >= MOST_TORN_BYTES)
      throw corrupt(path, `no whole record begins in the ${room} bytes from here on`, at);
    // The record goes on behind the piece, or is damaged: a larger one shows which.
    room = good === 0 ? room * 2 : pieceBytes;
  }
  const [first] = records;
  const begun = first?.kind === "generationStarted" && first.generation === generation;
  if (from.bytes === 0 && !begun)
    throw corrupt(path, `it does not begin with the start of generation ${generation}`, 0);
  return { records, started: from.bytes === 0 && begun ? first : null, bytes: at, crc32: crc };
}

/**
 * The record that a segment begins with; null for a claim, in which nothing was begun yet. A crash may have
 * cut off that record, and nothing is ever written behind one that is not whole.
 *
 * @throws {JOURNAL_CORRUPT} when it begins with something else
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

/** How many of these stretches, in order, the segment begins with: what it has there has their crc32. */
export async function matchingStretches(
  path: string,
  { generation, end }: Pick<WhichStretch, "generation" | "end">,
  stretches: readonly SegmentStretch[],
  disk: Disk,
): Promise<number> {
  await using file = await opened(path, disk);
  const header = decodeHeader(await file.read(0, HEADER_BYTES));
  if (header.kind !== "header" || header.generation !== generation) return 0;
  // One for all of it: memory that is new for each piece takes as long as the pieces.
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
    /** Fewer bytes only at its end. */
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
  throw corrupt(path, `a record cannot be understood: ${end.what}`, at);
}

export function corrupt(path: string, what: string, at: number): ShardmillError {
  return new ShardmillError("JOURNAL_CORRUPT", `the journal ${path} is damaged: ${what}`, {
    fields: { path, at },
    hint: "bring back the file from a copy, or start the job over with --fresh",
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
