import { type Disk, realDisk } from "../../shared/core/disk.ts";
import { messageOf, ShardmillError } from "../../shared/core/errors.ts";
import { makeFolders } from "../../shared/core/make-folders.ts";
import { ownMapping } from "../../shared/core/mapping.ts";
import { buildVersion } from "../../shared/core/package-root.ts";
import { syncPath } from "../../shared/core/sync-path.ts";
import type { JournalRecord, RecordOf } from "../schedule/state/record.ts";
import { encodeHeader, encodeRecord } from "./framing.ts";
import { JournalWriter, type WriterOptions } from "./journal-writer.ts";
import { corrupt, readSegment, type SegmentStretch } from "./read-segment.ts";
import { createSegment, segmentPath } from "./segment-file.ts";
import type { FoundSnapshot, JournalPlace } from "./snapshot-file.ts";
import { diskKeeper, type SnapshotKeeper } from "./snapshot-keeper.ts";
import { type OnSnapshotTrouble, removeHalfMade, SNAPSHOTS_OF_NO_USE } from "./snapshots.ts";
import { countedBytes, generationsAmong, usableSnapshots } from "./usable-snapshots.ts";

type Journal = JournalWriter;

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
  /** Where its next snapshots go. */
  readonly keeper: SnapshotKeeper;
}

interface OpenOptions extends WriterOptions {
  readonly onSnapshotTrouble?: OnSnapshotTrouble;
}

/**
 * Opens the journal in `folder` (made if missing) for writing: reads it, from its snapshots on where these
 * are of use, and starts the next generation in a segment of its own. The caller holds the job's lock.
 *
 * @param wallMs when the generation starts, for people
 * @throws {JOURNAL_CORRUPT} when bytes were lost or cannot be understood @throws {JOURNAL_FAILED} when the
 * disk fails
 */
export function openJournal(
  folder: string,
  wallMs: number,
  disk: Disk = realDisk,
  { onSnapshotTrouble = () => {}, ...writing }: OpenOptions = {},
): Promise<OpenJournal> {
  return withTypedErrors(folder, async () => {
    await makeFolders(folder, disk);
    const { snapshots, ...found } = await readWithSnapshots(folder, disk, onSnapshotTrouble);
    const { records, generations, tail } = found;
    const last = generations.at(-1) ?? 0;
    // What a killed coordinator wrote may not be on the disk yet. The next generation builds upon it, and
    // only the end of the last segment may be torn.
    if (last > 0) await syncPath(segmentPath(folder, last), disk);
    const generation = last + 1;
    const started: JournalRecord = {
      kind: "generationStarted",
      generation,
      build: buildVersion,
      mapping: ownMapping(),
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
      readAll: () => withTypedErrors(folder, async () => (await readJournal(folder, disk)).records),
      generation,
      keeper: diskKeeper({ folder, generation, disk, confirm: writing.confirm }),
      [Symbol.asyncDispose]: () => journal.close(),
    };
  });
}

async function withTypedErrors<T>(folder: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    if (cause instanceof ShardmillError) throw cause;
    throw new ShardmillError("JOURNAL_FAILED", `the journal cannot be opened: ${messageOf(cause)}`, {
      fields: { path: folder },
      cause,
      hint: "check that the output folder can be written to, and has room",
    });
  }
}

/** All of it, where what follows the snapshots cannot be read: if that is the journal's fault, it says so. */
async function readWithSnapshots(
  folder: string,
  disk: Disk,
  onTrouble: OnSnapshotTrouble,
): Promise<JournalContent & { readonly snapshots: readonly FoundSnapshot[] }> {
  const names = await disk.readdir(folder);
  await removeHalfMade(folder, names, disk);
  const snapshots = await usableSnapshots(folder, names, disk, onTrouble);
  const place = snapshots.at(-1)?.head.place;
  if (place !== undefined) {
    try {
      return { ...(await readJournal(folder, disk, place)), snapshots };
    } catch (cause) {
      onTrouble(SNAPSHOTS_OF_NO_USE, cause);
    }
  }
  return { ...(await readJournal(folder, disk)), snapshots: [] };
}

interface JournalContent {
  readonly records: readonly JournalRecord[];
  readonly generations: readonly number[];
  /**
   * The good bytes of the last segment, which the next one records. A crash may have cut off the record
   * behind them: what is left of it is not read again.
   */
  readonly tail: SegmentStretch;
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
  const generations = generationsAmong(await disk.readdir(folder));
  const records: JournalRecord[][] = [];
  let tail: SegmentStretch = { bytes: 0, crc32: 0 };
  for (const [index, generation] of generations.entries()) {
    const path = segmentPath(folder, generation);
    if (generation !== index + 1) throw corrupt(path, `the segment of generation ${index + 1} is missing`, 0);
    if (from !== null && generation < from.generation) continue;
    const begun = generation === from?.generation ? from : { bytes: 0, crc32: 0 };
    const end = await countedBytes(folder, generation, generations, disk);
    const segment = await readSegment(path, { generation, from: begun, end }, disk);
    // A file cut off between two records looks whole: the next segment has its length.
    if (segment.bytes < end && generation !== generations.at(-1))
      throw corrupt(path, "a record in the middle of the journal is not whole", segment.bytes);
    if (segment.started !== null) checkPrevious(segment.started, tail, segmentPath(folder, index));
    tail = { bytes: segment.bytes, crc32: segment.crc32 };
    records.push(segment.records);
  }
  return { records: records.flat(), generations, tail };
}

/** @throws {JOURNAL_CORRUPT} when the segment before this one is not what it was when this one was begun */
function checkPrevious(started: RecordOf<"generationStarted">, found: SegmentStretch, path: string): void {
  const { previousBytes: bytes, previousCrc32 } = started;
  if (found.bytes === bytes && found.crc32 === previousCrc32) return;
  const what =
    found.bytes < bytes
      ? `it has ${found.bytes} bytes, and had ${bytes} when the next segment was begun`
      : "it is not what it was when the next segment was begun";
  throw corrupt(path, what, Math.min(found.bytes, bytes));
}
