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
 * Pause between two puts. It limits puts to some 17 a second, 0.3 USD an hour at AWS prices. Records that
 * arrive in the pause share the next put.
 */
const PAUSE_MS = 50;

/**
 * Limit of attempts to put a generation's first object. Each may follow a late object of a lost coordinator.
 */
const MAX_TRIES = 32;

/** Records between snapshots. A resume reads one object per request, so this limits its requests. */
const SNAPSHOT_RECORDS = 2_000;

/**
 * Opens the journal of a run in a bucket for writing. It waits until other coordinators have stopped. Then it
 * reads the journal, and puts the start of the next generation as the next object. The previous writer is
 * then fenced.
 *
 * @throws {OUTPUT_LOCKED} when another coordinator works on the job or resumes it at the same moment
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
    const confirm = () => confirmIfRequested(hold);
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
    // The winner's heartbeats are in the same object, so it stays.
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
 * Checks that this run is still the job's. The run may have been published and removed, or replaced, since
 * its name was read. Objects that were put here then belong to no run, so they are removed. During a removal,
 * numbers are free and the run's name exists. The manifest exists, too, and reveals it.
 *
 * @throws {OUTPUT_LOCKED} when the run is no longer the job's
 */
async function checkRun(
  { own, run, runFile, manifest, clearing, storage }: OpenPlace,
  clock: TimedClock,
): Promise<void> {
  // This check precedes the one of the run's name, because a clearing coordinator removes the name first.
  if ((await storage.kindAt(clearing, NEVER)) !== null) throw beingCleared(clearing);
  const found = await readRunFile(runFile, storage, NEVER);
  if (found === run && (await storage.kindAt(manifest, NEVER)) === null) return;
  // The journal may have been whole until now. Its numbers become free while others may rely on a check.
  if (found === run) await sleepBy(clock, UNAWARE_MS, NEVER);
  await storage.remove(own, NEVER);
  throw replaced(runFile, run, found === run ? null : found);
}

/**
 * Returns the refusal. The clearing coordinator removes the objects, because it checks whether this one was
 * first.
 */
function beingCleared(path: Location): ShardmillError {
  const what = "another coordinator clears this output to start over, so this one stops";
  return new ShardmillError("OUTPUT_LOCKED", what, {
    fields: { path },
    hint: "follow the job in the other coordinator. If that one has stopped, run the job again",
  });
}

/**
 * Runs `read`. Gaps in a journal that is being removed are not reported as damage.
 *
 * @throws {OUTPUT_LOCKED} when the journal is being removed
 */
async function unlessEnded<T>(place: OpenPlace, clock: TimedClock, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (isShardmillError(error, "JOURNAL_CORRUPT")) await checkRun(place, clock);
    throw error;
  }
}

/**
 * Confirms the hold if the store answers. The journal of a published job is removed, and a number is then
 * free for a coordinator that was suspended. If the store is unreachable, the put itself tries again.
 */
async function confirmIfRequested(hold: BucketHold): Promise<void> {
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
  // An object's number fixes its predecessor, so a lost or late end is impossible.
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
  throw new ShardmillError("OUTPUT_LOCKED", "another coordinator resumes this job at the same moment", {
    fields: { generation },
    hint: "run one coordinator of the job at a time: the job continues in the other one",
  });
}

interface ReadPlace extends OpenPlace {
  readonly journal: Location;
  readonly snapshotFolder: Location;
}

/**
 * Reads the journal after the snapshots, or all of it when that fails. A fault of the journal then throws.
 */
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
  // A snapshot is written after all records that it covers, so the journal has lost its end.
  if (last !== undefined && reader.next < last.number)
    throw corrupt(objectLocation(journal, reader.next), "it is missing, and a snapshot covers it", 0);
  return { snapshots: [], reader };
}
