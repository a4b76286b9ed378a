import { encodeRecord } from "../../coordinator/journal/framing.ts";
import type { OpenJournal } from "../../coordinator/journal/journal.ts";
import { JournalWriter } from "../../coordinator/journal/journal-writer.ts";
import { corrupt } from "../../coordinator/journal/read-segment.ts";
import { readRunFile, replaced } from "../../coordinator/journal/run-file.ts";
import type { OpenPlace, OpenSharedOptions } from "../../coordinator/journal/shared-journals.ts";
import type { FoundSnapshot } from "../../coordinator/journal/snapshot-file.ts";
import { SNAPSHOTS_OF_NO_USE } from "../../coordinator/journal/snapshots.ts";
import type { RecordOf } from "../../coordinator/schedule/state/record.ts";
import { NEVER, sleepBy } from "../../shared/core/abort.ts";
import type { TimedClock } from "../../shared/core/clock.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import { ownMapping } from "../../shared/core/mapping.ts";
import { buildVersion } from "../../shared/core/package-root.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import { isPlaceError } from "../../shared/storage/errors.ts";
import { awaitSilence, BucketHold, UNAWARE_MS } from "./bucket-hold.ts";
import { BucketSegment } from "./bucket-segment.ts";
import { putSnapshot, readBucketSnapshots } from "./bucket-snapshots.ts";
import { objectLocation } from "./journal-object.ts";
import { ObjectsReader } from "./read-objects.ts";

/**
 * Between two puts: some 17 a second at most, 0.3 USD an hour at AWS's prices. What comes meanwhile goes
 * together into the next.
 */
const PAUSE_MS = 50;

/**
 * Tries to put the first object of a generation, each behind one that a coordinator taken for dead had still
 * under way.
 */
const MAX_TRIES = 32;

/** Of a journal in a bucket each object is a request: so a resume reads at most so many. */
const SNAPSHOT_RECORDS = 2_000;

/**
 * Opens the journal of a run in a bucket for writing: waits until nobody else is at work on it, reads it, and
 * puts the start of the next generation as its next object. From then on whoever wrote it before cannot.
 *
 * @throws {OUTPUT_LOCKED} when another coordinator is at work on it, or takes it up at the same moment
 * @throws {JOURNAL_CORRUPT} when objects are missing or damaged
 */
export async function openBucketJournal(place: OpenPlace, options: OpenSharedOptions): Promise<OpenJournal> {
  const { clock, processes, random } = options;
  const { own, storage } = place;
  const journal = below(own, "journal");
  const snapshotFolder = below(own, "snapshots");
  await awaitSilence({ ...options, own, storage });
  const writer = random.hex(16);
  const hold = await BucketHold.begin({ ...place, processes, clock, nonce: writer });
  try {
    const { snapshots, reader } = await unlessEnded(place, clock, () =>
      readWithSnapshots({ ...place, journal, snapshotFolder }, options),
    );
    const confirm = () => confirmIfAsked(hold);
    const segmentOf = (generation: number, number: number) => {
      const onTaken = (error: ShardmillError) => hold.lose(error);
      const ofIt = { generation, writer, number };
      return new BucketSegment({ ...ofIt, journal, storage, clock, onTaken, confirm });
    };
    const claimed = await unlessEnded(place, clock, () => claim(reader, clock.wallMs(), segmentOf));
    const { segment, started, frames } = claimed;
    const claimedMs = clock.nowMs();
    await checkRun(place, clock);
    const { generation } = started;
    hold.watch((signal) => segment.look(signal));
    const pause = () => sleepBy(clock, PAUSE_MS, NEVER);
    const journalWriter = new JournalWriter(segment, { pause, confirm }, frames);
    return {
      hold,
      journal: journalWriter,
      snapshots,
      records: [...reader.records, started],
      generation,
      keeper: {
        everyRecords: SNAPSHOT_RECORDS,
        nameAfter: () => ({ number: segment.next, generation }),
        write: (name, { pieces }) => putSnapshot(snapshotFolder, name, pieces, storage),
      },
      readAll: async () => {
        const all = new ObjectsReader(journal, storage, null);
        await all.readOn();
        return all.records;
      },
      awaitEarlier: () => awaitUntil(generation > 1 ? claimedMs + UNAWARE_MS : claimedMs, clock),
      async [Symbol.asyncDispose]() {
        segment.hurry();
        try {
          await journalWriter.close();
        } finally {
          await hold[Symbol.asyncDispose]();
        }
      },
    };
  } catch (error) {
    // Who has won shows it in the same object: it stays.
    if (isShardmillError(error, "OUTPUT_LOCKED")) hold.lose(error);
    await hold[Symbol.asyncDispose]();
    throw error;
  }
}

async function awaitUntil(atMs: number, clock: TimedClock): Promise<void> {
  const leftMs = atMs - clock.nowMs();
  if (leftMs > 0) await sleepBy(clock, leftMs, NEVER);
}

/**
 * Checks that this run is the job's still. Else it was published and removed, or begun anew, since its name
 * was read: what was put here is in nobody's folder, and goes. While it is being removed, numbers are free
 * and its name is there: but the manifest is, too.
 *
 * @throws {OUTPUT_LOCKED}
 */
async function checkRun(
  { own, run, runFile, manifest, clearing, storage }: OpenPlace,
  clock: TimedClock,
): Promise<void> {
  // Before the name of the run is looked at: that is removed before this is.
  if ((await storage.kindAt(clearing, NEVER)) !== null) throw beingCleared(clearing);
  const found = await readRunFile(runFile, storage, NEVER);
  if (found === run && (await storage.kindAt(manifest, NEVER)) === null) return;
  // Its journal may have been whole until now, and its numbers will be free: others may rely on a look.
  if (found === run) await sleepBy(clock, UNAWARE_MS, NEVER);
  await storage.remove(own, NEVER);
  throw replaced(runFile, run, found === run ? null : found);
}

/** What is there is for whoever clears it to remove: it looks whether this one was first. */
function beingCleared(path: Location): ShardmillError {
  const what = "another coordinator clears this output, to start over: this one does not go on";
  return new ShardmillError("OUTPUT_LOCKED", what, {
    fields: { path },
    hint: "the job goes on in the other one; if there is none, run it again",
  });
}

/** A journal that is being removed has gaps: it is not called damaged. @throws {OUTPUT_LOCKED} then */
async function unlessEnded<T>(place: OpenPlace, clock: TimedClock, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (isShardmillError(error, "JOURNAL_CORRUPT")) await checkRun(place, clock);
    throw error;
  }
}

/**
 * Once a job is published its journal is removed: then a number is free again for one that has slept through
 * that. A store that cannot be asked is asked again by the put itself.
 */
async function confirmIfAsked(hold: BucketHold): Promise<void> {
  await hold.confirm().catch((error: unknown) => {
    if (!isPlaceError(error)) throw error;
  });
}

interface Claimed {
  readonly segment: BucketSegment;
  readonly started: RecordOf<"generationStarted">;
  readonly frames: Buffer;
}

async function claim(
  reader: ObjectsReader,
  wallMs: number,
  segmentOf: (generation: number, number: number) => BucketSegment,
): Promise<Claimed> {
  const { generation: last } = reader;
  const generation = last + 1;
  // What an object is behind is known by its number: nothing can be lost at an end, or come late.
  const behind = { previousBytes: 0, previousCrc32: 0 };
  const by = { build: buildVersion, mapping: ownMapping() };
  const started = { kind: "generationStarted", generation, ...by, wallMs, ...behind } as const;
  const frames = encodeRecord(started);
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const segment = segmentOf(generation, reader.next);
    if (await segment.claim(frames)) return { segment, started, frames };
    await reader.readOn();
    if (reader.generation !== last) break;
  }
  throw new ShardmillError("OUTPUT_LOCKED", "another coordinator takes this job up at the same moment", {
    fields: { generation },
    hint: "the job goes on in the other one; run it once at a time",
  });
}

interface ReadPlace extends OpenPlace {
  readonly journal: Location;
  readonly snapshotFolder: Location;
}

/** All of it, where what follows the snapshots cannot be read: if that is the journal's fault, it says so. */
async function readWithSnapshots(
  place: ReadPlace,
  { clock, onSnapshotTrouble = () => {} }: OpenSharedOptions,
): Promise<{ readonly snapshots: readonly FoundSnapshot[]; readonly reader: ObjectsReader }> {
  const { journal, snapshotFolder, storage } = place;
  const snapshots = await readBucketSnapshots(snapshotFolder, storage, onSnapshotTrouble);
  const last = snapshots.at(-1);
  if (last !== undefined) {
    const reader = new ObjectsReader(journal, storage, last);
    try {
      await unlessEnded(place, clock, () => reader.readOn());
      return { snapshots, reader };
    } catch (cause) {
      if (isShardmillError(cause, "OUTPUT_LOCKED")) throw cause;
      onSnapshotTrouble(SNAPSHOTS_OF_NO_USE, cause);
    }
  }
  const reader = new ObjectsReader(journal, storage, null);
  await reader.readOn();
  // It is written when all that it tells is in the journal: so that has lost its end.
  if (last !== undefined && reader.next < last.number)
    throw corrupt(objectLocation(journal, reader.next), "it is missing, and a snapshot tells of it", 0);
  return { snapshots: [], reader };
}
