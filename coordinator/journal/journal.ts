import { type Disk, realDisk } from "../../shared/core/disk.ts";
import { errorCode } from "../../shared/core/errno.ts";
import { messageOf, ShardmillError } from "../../shared/core/errors.ts";
import { makeFolder } from "../../shared/core/make-folders.ts";
import { ownMapping } from "../../shared/core/mapping.ts";
import { buildVersion } from "../../shared/core/package-root.ts";
import { type Random, systemRandom } from "../../shared/core/random.ts";
import { syncPath } from "../../shared/core/sync-path.ts";
import type { JournalRecord, RecordOf } from "../schedule/state/record.ts";
import { encodeHeader, encodeRecord } from "./framing.ts";
import { generationsAmong, type HistorySegment, readHistory } from "./history.ts";
import { JournalWriter, type SegmentFile, type WriterOptions } from "./journal-writer.ts";
import { corrupt, readSegment, type SegmentStretch } from "./read-segment.ts";
import { SegmentFence } from "./segment-fence.ts";
import { claimSegment, segmentGeneration, segmentPath } from "./segment-file.ts";
import type { FoundSnapshot, JournalPlace } from "./snapshot-file.ts";
import { diskKeeper, type SnapshotKeeper } from "./snapshot-keeper.ts";
import { type OnSnapshotTrouble, removeHalfMade, SNAPSHOTS_OF_NO_USE } from "./snapshots.ts";
import { usableSnapshots } from "./usable-snapshots.ts";

type Journal = JournalWriter;

export interface OpenJournal extends AsyncDisposable {
  /** Appends to this generation's segment. */
  readonly journal: Journal;
  /** Proves that no later generation has begun. */
  readonly hold: JournalHold;
  /**
   * Snapshots of all records of earlier generations, except the newest ones. Empty: `records` has everything.
   */
  readonly snapshots: readonly FoundSnapshot[];
  /** Records of earlier generations after the snapshots, and the start of this generation. */
  readonly records: readonly JournalRecord[];
  /** Reads all records up to the start of this generation. Needed when the snapshots are unusable. */
  readonly readAll: () => Promise<readonly JournalRecord[]>;
  /** Generation of this coordinator. Durable before it is returned. */
  readonly generation: number;
  /** Stores the next snapshots. */
  readonly keeper: SnapshotKeeper;
  /** Waits until every earlier holder must check before it writes. Only then may the journal be removed. */
  readonly awaitEarlier: () => Promise<void>;
}

/** Exclusive right to write. A coordinator that has lost it changes nothing. */
type JournalHold = Pick<SegmentFence, "confirm" | "lost">;

interface OpenOptions extends Omit<WriterOptions, "fence"> {
  /**
   * Reads who holds the job's lock, without relying on time. Rejects with OUTPUT_LOCKED when another process
   * holds it.
   */
  readonly look?: () => Promise<void>;
  /** Makes a folder under the job's lock. Never in a place that was removed or restarted meanwhile. */
  readonly makeFolder?: (path: string) => Promise<void>;
  readonly random?: Random;
  readonly onSnapshotTrouble?: OnSnapshotTrouble;
}

/** Limit of attempts to claim a number. Each lost attempt means that another process has claimed one. */
const MAX_TRIES = 32;

/**
 * Opens the journal in `folder` for writing. Claims the next generation, reads the history, and begins a
 * segment. The snapshots shorten the read if they are usable. Makes the folder, but not its parent. The
 * caller holds the job's lock.
 *
 * The claim precedes the read: from the claim on, no earlier writer acknowledges anything.
 *
 * @param wallMs start of the generation, shown to users
 * @throws {JOURNAL_CORRUPT} when bytes were lost or cannot be parsed
 * @throws {JOURNAL_FAILED} when the disk fails
 * @throws {OUTPUT_LOCKED} when a later generation was claimed meanwhile
 */
export function openJournal(
  folder: string,
  wallMs: number,
  disk: Disk = realDisk,
  options: OpenOptions = {},
): Promise<OpenJournal> {
  const {
    onSnapshotTrouble = () => {},
    random = systemRandom,
    makeFolder: make = (path) => makeFolder(path, disk),
    ...writing
  } = options;
  return withTypedErrors(folder, async () => {
    await make(folder);
    const { file, generation } = await claimGeneration(folder, disk, writing);
    try {
      const { snapshots, records, generations, tail } = await readWithSnapshots(
        { folder, below: generation },
        disk,
        onSnapshotTrouble,
      );
      const last = generations.at(-1) ?? 0;
      // What a killed coordinator wrote may not be on the disk yet. The next generation builds upon it, and
      // only the last segment may end in an incomplete record.
      if (last > 0) await syncPath(segmentPath(folder, last), disk);
      const started: JournalRecord = {
        kind: "generationStarted",
        generation,
        build: buildVersion,
        mapping: ownMapping(),
        wallMs,
        nonce: random.hex(8),
        previousGeneration: last,
        previousBytes: tail.bytes,
        previousCrc32: tail.crc32,
      };
      const header = encodeHeader(generation);
      const begun = Buffer.concat([header, encodeRecord(started)]);
      const hold = new SegmentFence({ folder, generation, begun, disk });
      const fence = () => hold.confirm();
      const journal = new JournalWriter(file, { ...writing, fence }, header);
      await journal.append(started, { durable: true });
      return {
        journal,
        hold,
        snapshots,
        records: [...records, started],
        readAll: () => withTypedErrors(folder, async () => (await readJournal(folder, disk)).records),
        generation,
        keeper: diskKeeper({ folder, generation, disk, confirm: fence }),
        // Earlier holders have only their own segments open, and cannot write to later ones.
        awaitEarlier: async () => {},
        [Symbol.asyncDispose]: () => journal.close(),
      };
    } catch (error) {
      await file.close().catch(() => {});
      throw error;
    }
  });
}

/**
 * Claims the next number. Reads the lock after listing the numbers: a stopped process that continues then
 * finds its number taken.
 */
async function claimGeneration(
  folder: string,
  disk: Disk,
  { look = async () => {} }: Pick<OpenOptions, "look">,
): Promise<{ readonly file: SegmentFile; readonly generation: number }> {
  for (let tries = 1; ; tries += 1) {
    const last = generationsAmong(await disk.readdir(folder)).at(-1) ?? 0;
    const generation = last + 1;
    await look();
    try {
      return { file: await claimSegment(segmentPath(folder, generation), generation, disk), generation };
    } catch (error) {
      if (errorCode(error) !== "EEXIST" || tries === MAX_TRIES) throw error;
    }
  }
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

/**
 * Reads the snapshots and the records after them. If that fails, reads all records: their error then shows
 * that the journal is damaged.
 */
async function readWithSnapshots(
  place: { readonly folder: string; readonly below: number },
  disk: Disk,
  onTrouble: OnSnapshotTrouble,
): Promise<JournalContent & { readonly snapshots: readonly FoundSnapshot[] }> {
  const { folder } = place;
  const names = await disk.readdir(folder);
  await removeHalfMade(folder, names, disk);
  const history = await readHistory(folder, namesBelow(names, place.below), disk);
  const snapshots = await usableSnapshots(folder, { names, history }, disk, onTrouble);
  const from = snapshots.at(-1)?.head.place;
  if (from !== undefined) {
    try {
      return { ...(await readSegments(folder, history, disk, from)), snapshots };
    } catch (cause) {
      onTrouble(SNAPSHOTS_OF_NO_USE, cause);
    }
  }
  return { ...(await readSegments(folder, history, disk)), snapshots: [] };
}

/** Excludes segments that another coordinator may have begun since. */
function namesBelow(names: readonly string[], below: number): string[] {
  return names.filter((name) => (segmentGeneration(name) ?? 0) < below);
}

interface JournalContent {
  readonly records: readonly JournalRecord[];
  readonly generations: readonly number[];
  /**
   * Valid bytes of the last segment, which the next segment records. A crash may have cut off the record
   * after them. Its rest is not read again.
   */
  readonly tail: SegmentStretch;
}

/**
 * Reads the journal in `folder` without changing it. Without segments there are no records.
 *
 * @throws {JOURNAL_CORRUPT}
 */
export async function readJournal(folder: string, disk: Disk = realDisk): Promise<JournalContent> {
  const history = await readHistory(folder, await disk.readdir(folder), disk);
  return await readSegments(folder, history, disk);
}

/** @param from place in a segment to begin at. Default: the beginning of the history. */
async function readSegments(
  folder: string,
  history: readonly HistorySegment[],
  disk: Disk,
  from: JournalPlace | null = null,
): Promise<JournalContent> {
  const records: JournalRecord[][] = [];
  let tail: SegmentStretch = { bytes: 0, crc32: 0 };
  let previous = 0;
  for (const { generation, end } of history) {
    if (from !== null && generation < from.generation) continue;
    const begun = generation === from?.generation ? from : { bytes: 0, crc32: 0 };
    const path = segmentPath(folder, generation);
    const segment = await readSegment(path, { generation, from: begun, end }, disk);
    // A file that is cut off between two records looks whole, but the next segment has its length.
    if (segment.bytes < end && generation !== history.at(-1)?.generation)
      throw corrupt(path, "a record in the middle of the journal is not whole", segment.bytes);
    if (segment.started !== null) checkPrevious(segment.started, tail, segmentPath(folder, previous));
    tail = { bytes: segment.bytes, crc32: segment.crc32 };
    previous = generation;
    records.push(segment.records);
  }
  return { records: records.flat(), generations: history.map(({ generation }) => generation), tail };
}

/** @throws {JOURNAL_CORRUPT} when the previous segment has changed since this one began */
function checkPrevious(started: RecordOf<"generationStarted">, found: SegmentStretch, path: string): void {
  const { previousBytes: bytes, previousCrc32 } = started;
  if (found.bytes === bytes && found.crc32 === previousCrc32) return;
  const what =
    found.bytes < bytes
      ? `it has ${found.bytes} bytes, and had ${bytes} when the next segment was begun`
      : "it has changed since the next segment was begun";
  throw corrupt(path, what, Math.min(found.bytes, bytes));
}
