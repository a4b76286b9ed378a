import { crc32 } from "node:zlib";
import { type Disk, realDisk } from "../../shared/core/disk.ts";
import { messageOf, ShardmillError } from "../../shared/core/errors.ts";
import { makeFolders } from "../../shared/core/make-folders.ts";
import { buildVersion } from "../../shared/core/package-root.ts";
import { syncPath } from "../../shared/core/sync-path.ts";
import type { JournalRecord } from "../schedule/state/record.ts";
import { decodeFrames, decodeHeader, encodeHeader, encodeRecord, JOURNAL_VERSION } from "./framing.ts";
import { JournalWriter, type WriterOptions } from "./journal-writer.ts";
import { createSegment, segmentGeneration, segmentPath } from "./segment-file.ts";
import type { FoundSnapshot, JournalPlace } from "./snapshot-file.ts";
import { readSnapshots } from "./snapshots.ts";

type Journal = JournalWriter;

type GenerationStarted = Extract<JournalRecord, { kind: "generationStarted" }>;

export interface OpenJournal extends AsyncDisposable {
  /** Appends to the segment of this generation. */
  readonly journal: Journal;
  /** What earlier generations recorded, but for the newest of it; none: `records` has everything. */
  readonly snapshots: readonly FoundSnapshot[];
  /** Everything that earlier generations recorded behind the snapshots, and this generation's start. */
  readonly records: readonly JournalRecord[];
  /** Everything that was recorded, up to this generation's start: where the snapshots are of no use. */
  readonly readAll: () => Promise<readonly JournalRecord[]>;
  /** This coordinator's: durable before it is returned. */
  readonly generation: number;
}

/**
 * Opens the journal in `folder` (made if missing) for writing: reads every segment and
 * starts the next generation in a segment of its own. The caller holds the job's lock.
 *
 * @param wallMs when the generation starts, for people
 * @throws {JOURNAL_CORRUPT} when bytes were lost or cannot be understood @throws {JOURNAL_FAILED} when the
 * disk fails
 */
export async function openJournal(
  folder: string,
  wallMs: number,
  disk: Disk = realDisk,
  writing: WriterOptions = {},
): Promise<OpenJournal> {
  try {
    await makeFolders(folder, disk);
    const snapshots = await usableSnapshots(folder, disk);
    const { records, generations, tail } = await readJournal(folder, disk, snapshots.at(-1)?.head.place);
    const last = generations.at(-1) ?? 0;
    // What a killed coordinator wrote may not be on the disk yet. The next generation builds upon it, and
    // only the end of the last segment may be torn.
    if (last > 0) await syncPath(segmentPath(folder, last), disk);
    const generation = last + 1;
    const started: JournalRecord = {
      kind: "generationStarted",
      generation,
      build: buildVersion,
      wallMs,
      previousBytes: tail.bytes,
      previousCrc32: tail.crc32,
    };
    const first = Buffer.concat([encodeHeader(generation), encodeRecord(started)]);
    const journal = new JournalWriter(
      await createSegment(segmentPath(folder, generation), first, disk),
      writing,
      first,
    );
    return {
      journal,
      snapshots,
      records: [...records, started],
      readAll: async () => (await readJournal(folder, disk)).records,
      generation,
      [Symbol.asyncDispose]: () => journal.close(),
    };
  } catch (cause) {
    if (cause instanceof ShardmillError) throw cause;
    throw new ShardmillError("JOURNAL_FAILED", `the journal cannot be opened: ${messageOf(cause)}`, {
      fields: { path: folder },
      cause,
      hint: "check that the output folder can be written to, and has room",
    });
  }
}

interface JournalContent {
  readonly records: readonly JournalRecord[];
  readonly generations: readonly number[];
  /**
   * The good bytes of the last segment, which the next one records. A crash may have cut off the record
   * behind them: what is left of it is not read again.
   */
  readonly tail: SegmentTail;
}

/**
 * How much a segment holds. A file cut off between two records looks whole: the next segment has its
 * length.
 */
interface SegmentTail {
  readonly bytes: number;
  readonly crc32: number;
}

/**
 * Reads the journal in `folder` and changes nothing. No segments: no records.
 *
 * @param from where to begin, in the middle of a segment that has this place; left out: at the beginning
 * @throws {JOURNAL_CORRUPT}
 */
export async function readJournal(
  folder: string,
  disk: Disk = realDisk,
  from: JournalPlace | null = null,
): Promise<JournalContent> {
  const generations = await generationsIn(folder, disk);
  const records: JournalRecord[][] = [];
  let tail: SegmentTail = { bytes: 0, crc32: 0 };
  let next: Buffer | null = null;
  for (const [index, generation] of generations.entries()) {
    const path = segmentPath(folder, generation);
    if (generation !== index + 1) throw corrupt(path, `the segment of generation ${index + 1} is missing`, 0);
    if (from !== null && generation < from.generation) continue;
    const begun = generation === from?.generation ? from : { bytes: 0, crc32: 0 };
    const found: Buffer = next ?? (await readFrom(path, begun.bytes, disk));
    const successor = generations[index + 1];
    next = successor === undefined ? null : await disk.readFile(segmentPath(folder, successor));
    const bytes = inHistory(found, next, begun.bytes);
    const segment =
      begun.bytes > 0 ? readRest(path, bytes, begun.bytes) : readSegment(path, bytes, generation);
    if (segment.goodBytes < bytes.length && successor !== undefined)
      throw corrupt(
        path,
        "a record in the middle of the journal is not whole",
        begun.bytes + segment.goodBytes,
      );
    if (segment.started !== null) checkPrevious(segment.started, tail, segmentPath(folder, index));
    const good = bytes.subarray(0, segment.goodBytes);
    // Of no bytes the library gives 0, whatever came before.
    const crc = good.length === 0 ? begun.crc32 : crc32(good, begun.crc32);
    tail = { bytes: begun.bytes + good.length, crc32: crc };
    records.push(segment.records);
  }
  return { records: records.flat(), generations, tail };
}

/**
 * The snapshots that end in the journal's history. One may end behind it: it was written by a coordinator
 * that was replaced before.
 */
async function usableSnapshots(folder: string, disk: Disk): Promise<FoundSnapshot[]> {
  const snapshots = await readSnapshots(folder, await disk.readdir(folder), disk);
  const generations = await generationsIn(folder, disk);
  for (let last = snapshots.at(-1); last !== undefined; last = snapshots.at(-1)) {
    const { generation, bytes } = last.head.place;
    const successor = generations.includes(generation + 1) ? segmentPath(folder, generation + 1) : null;
    const isThere =
      generations.includes(generation) && (await disk.lstat(segmentPath(folder, generation))).size >= bytes;
    if (isThere && (successor === null || (await previousBytes(successor, disk)) >= bytes)) break;
    snapshots.pop();
  }
  return snapshots;
}

/** How much of the segment before it counts, by the first record of a segment; all, where none is whole. */
async function previousBytes(path: string, disk: Disk): Promise<number> {
  const file = await disk.open(path, "r");
  try {
    const beginning = Buffer.alloc(BEGINNING_BYTES);
    const filled = await file.readInto(beginning, 0);
    const [first] = decodeFrames(beginning.subarray(0, filled)).records;
    return first?.kind === "generationStarted" ? first.previousBytes : Number.POSITIVE_INFINITY;
  } finally {
    await file.close();
  }
}

async function generationsIn(folder: string, disk: Disk): Promise<number[]> {
  const names = await disk.readdir(folder);
  return names.flatMap((name) => segmentGeneration(name) ?? []).sort((a, b) => a - b);
}

async function readFrom(path: string, start: number, disk: Disk): Promise<Buffer> {
  if (start === 0) return disk.readFile(path);
  const { size } = await disk.lstat(path);
  const file = await disk.open(path, "r");
  try {
    const bytes = Buffer.allocUnsafe(Math.max(0, size - start));
    return bytes.subarray(0, await file.readInto(bytes, start));
  } finally {
    await file.close();
  }
}

/** Room for a header and the first record of a segment. */
const BEGINNING_BYTES = 4_096;

/**
 * What of a segment counts: as much as there was when its successor was begun. Whatever came later was
 * written by a process that had lost its lock, was not acknowledged, and is in nobody's history. That the
 * rest is the same is checked by its CRC.
 *
 * @param start of which byte of it `segment` begins
 */
export function inHistory(segment: Buffer, successor: Buffer | null, start = 0): Buffer {
  const [first] = successor === null ? [] : decodeFrames(successor.subarray(0, BEGINNING_BYTES)).records;
  return first?.kind === "generationStarted"
    ? segment.subarray(0, Math.max(0, first.previousBytes - start))
    : segment;
}

interface SegmentContent {
  readonly records: JournalRecord[];
  /** Null where its beginning was not read. */
  readonly started: GenerationStarted | null;
  readonly goodBytes: number;
}

function readSegment(path: string, bytes: Buffer, generation: number): SegmentContent {
  const header = decodeHeader(bytes);
  if (header.kind === "otherVersion") {
    const { version } = header;
    throw foreign(path, `it has format version ${version}, and this version reads ${JOURNAL_VERSION}`, 0);
  }
  if (header.kind === "notAJournal") throw corrupt(path, "it does not begin like a journal", 0);
  const { records, goodBytes } = readFrames(path, bytes);
  const first = records[0];
  const begun = first?.kind === "generationStarted" && first.generation === generation;
  if (!begun || header.generation !== generation) {
    throw corrupt(path, `it does not begin with the start of generation ${generation}`, 0);
  }
  return { records, started: first, goodBytes };
}

/** @param start which byte of the segment `bytes` begin with */
function readRest(path: string, bytes: Buffer, start: number): SegmentContent {
  return { ...readFrames(path, bytes, start), started: null };
}

function readFrames(path: string, bytes: Buffer, start = 0): Omit<SegmentContent, "started"> {
  const { records, end } = start === 0 ? decodeFrames(bytes) : decodeFrames(bytes, 0);
  if (end.kind === "clean") return { records, goodBytes: bytes.length };
  const at = start + end.at;
  if (end.kind === "damaged") {
    throw corrupt(path, `a damaged record is followed by a whole one at byte ${start + end.nextAt}`, at);
  }
  if (end.kind === "unknownKind") throw foreign(path, `it has a record of the unknown kind ${end.found}`, at);
  if (end.kind === "malformed") throw corrupt(path, `a record cannot be understood: ${end.what}`, at);
  return { records, goodBytes: end.at };
}

/** @throws {JOURNAL_CORRUPT} when the segment before this one is not what it was when this one was begun */
function checkPrevious(started: GenerationStarted, found: SegmentTail, path: string): void {
  const { previousBytes: bytes, previousCrc32 } = started;
  if (found.bytes === bytes && found.crc32 === previousCrc32) return;
  const what =
    found.bytes < bytes
      ? `it has ${found.bytes} bytes, and had ${bytes} when the next segment was begun`
      : "it is not what it was when the next segment was begun";
  throw corrupt(path, what, Math.min(found.bytes, bytes));
}

function corrupt(path: string, what: string, at: number): ShardmillError {
  return new ShardmillError("JOURNAL_CORRUPT", `the journal ${path} is damaged: ${what}`, {
    fields: { path, at },
    hint: "bring back the file from a copy, or start the job over with --fresh",
  });
}

function foreign(path: string, what: string, at: number): ShardmillError {
  return new ShardmillError(
    "JOURNAL_CORRUPT",
    `the journal ${path} was written by another version: ${what}`,
    {
      fields: { path, at },
      hint: "resume the job with the version that wrote it, or start it over with --fresh",
    },
  );
}
