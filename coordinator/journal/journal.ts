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

type Journal = JournalWriter;

type GenerationStarted = Extract<JournalRecord, { kind: "generationStarted" }>;

export interface OpenJournal extends AsyncDisposable {
  /** Appends to the segment of this generation. */
  readonly journal: Journal;
  /** Everything that earlier generations recorded, in order, and this generation's start. */
  readonly records: readonly JournalRecord[];
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
    const { records, generations, tail } = await readJournal(folder, disk);
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
    );
    return {
      journal,
      records: [...records, started],
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
 * @throws {JOURNAL_CORRUPT}
 */
export async function readJournal(folder: string, disk: Disk = realDisk): Promise<JournalContent> {
  const names = await disk.readdir(folder);
  const generations = names.flatMap((name) => segmentGeneration(name) ?? []).sort((a, b) => a - b);
  const records: JournalRecord[][] = [];
  let tail: SegmentTail = { bytes: 0, crc32: 0 };
  let next: Buffer | null = null;
  for (const [index, generation] of generations.entries()) {
    const path = segmentPath(folder, generation);
    if (generation !== index + 1) throw corrupt(path, `the segment of generation ${index + 1} is missing`, 0);
    const found: Buffer = next ?? (await disk.readFile(path));
    const successor = generations[index + 1];
    next = successor === undefined ? null : await disk.readFile(segmentPath(folder, successor));
    const bytes = inHistory(found, next);
    const segment = readSegment(path, bytes, generation);
    if (segment.goodBytes < bytes.length && successor !== undefined)
      throw corrupt(path, "a record in the middle of the journal is not whole", segment.goodBytes);
    checkPrevious(segment.started, tail, segmentPath(folder, index));
    tail = { bytes: segment.goodBytes, crc32: crc32(bytes.subarray(0, segment.goodBytes)) };
    records.push(segment.records);
  }
  return { records: records.flat(), generations, tail };
}

/** Room for a header and the first record of a segment. */
const BEGINNING_BYTES = 4_096;

/**
 * What of a segment counts: as much as there was when its successor was begun. Whatever came later was
 * written by a process that had lost its lock, was not acknowledged, and is in nobody's history. That the
 * rest is the same is checked by its CRC.
 */
export function inHistory(segment: Buffer, successor: Buffer | null): Buffer {
  const [first] = successor === null ? [] : decodeFrames(successor.subarray(0, BEGINNING_BYTES)).records;
  return first?.kind === "generationStarted" ? segment.subarray(0, first.previousBytes) : segment;
}

function readSegment(
  path: string,
  bytes: Buffer,
  generation: number,
): { readonly records: JournalRecord[]; readonly started: GenerationStarted; readonly goodBytes: number } {
  const header = decodeHeader(bytes);
  if (header.kind === "otherVersion") {
    const { version } = header;
    throw foreign(path, `it has format version ${version}, and this version reads ${JOURNAL_VERSION}`, 0);
  }
  if (header.kind === "notAJournal") throw corrupt(path, "it does not begin like a journal", 0);
  const { records, end } = decodeFrames(bytes);
  if (end.kind === "damaged") {
    throw corrupt(path, `a damaged record is followed by a whole one at byte ${end.nextAt}`, end.at);
  }
  if (end.kind === "unknownKind")
    throw foreign(path, `it has a record of the unknown kind ${end.found}`, end.at);
  if (end.kind === "malformed") throw corrupt(path, `a record cannot be understood: ${end.what}`, end.at);
  const first = records[0];
  const begun = first?.kind === "generationStarted" && first.generation === generation;
  if (!begun || header.generation !== generation) {
    throw corrupt(path, `it does not begin with the start of generation ${generation}`, 0);
  }
  return { records, started: first, goodBytes: end.kind === "torn" ? end.at : bytes.length };
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
