import { join } from "node:path";
import type { Disk } from "../../shared/core/disk.ts";
import type { JobState } from "../schedule/state/job-state.ts";
import type { JournalRecord } from "../schedule/state/record.ts";
import { SinceSnapshot } from "../schedule/state/snapshot.ts";
import type { JournalWriter } from "./journal-writer.ts";
import { encodeSnapshot, type LastSnapshot, type SnapshotHead, snapshotFileName } from "./snapshot-file.ts";
import { writeSnapshot } from "./snapshots.ts";

/**
 * Records between two snapshots. A resume reads at most so many records beside the snapshots, a tenth of a
 * second; a job of a million shards has a hundred of them.
 */
export const SNAPSHOT_RECORDS = 20_000;

interface SnapshottingOptions {
  readonly journal: JournalWriter;
  readonly generation: number;
  /** The last that the state was made of, if any, and what all records behind it were about. */
  readonly last: LastSnapshot | null;
  readonly since: SinceSnapshot;
  /** The journal's. */
  readonly folder: string;
  readonly disk: Disk;
  /** Of all records so far, and changed only in step with what is appended. */
  readonly state: JobState;
  readonly builds: readonly string[];
  /** {@link SNAPSHOT_RECORDS} */
  readonly everyRecords: number;
  /** Lets others have their turn, between two blocks of a snapshot that is made. */
  readonly pause: () => Promise<void>;
  /** Rejects when this process is no longer the one that may write: see `HeldLock`. */
  readonly confirm: () => Promise<void>;
  /** A snapshot could not be written: the journal has all that it would have told. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * A journal that leaves snapshots of the state on its way, so that a resume need not read all of it. Law
 * `replay-is-the-state`: snapshots and the records behind them tell the same as all records.
 *
 * What a snapshot tells is copied between two events, of a state that has all records so far in it; it is
 * made of that in pieces, and written once these records are on disk: it never tells of a record that a
 * crash could take back.
 */
export class SnapshottingJournal implements AsyncDisposable {
  readonly #options: SnapshottingOptions;
  #since: SinceSnapshot;
  #last: LastSnapshot | null;
  #dueRecords: number;
  #writing: Promise<void> | null = null;
  #disposed = false;

  constructor(options: SnapshottingOptions) {
    this.#options = options;
    this.#last = options.last;
    this.#since = options.since;
    this.#dueRecords = options.everyRecords;
  }

  append(record: JournalRecord, options: { readonly durable: boolean }): Promise<void> {
    this.#since.add(record);
    return this.#options.journal.append(record, options);
  }

  /** To be called when all records of an event are appended, and before the next event. */
  eventAppended(): void {
    if (this.#disposed || this.#writing !== null || this.#since.records < this.#dueRecords) return;
    this.#writing = this.#write().finally(() => {
      this.#writing = null;
    });
  }

  /** Waits for a snapshot that is being written; from here on there are none. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    await this.#writing;
  }

  async #write(): Promise<void> {
    const { journal, generation, folder, disk, state, builds, everyRecords, onFailure } = this.#options;
    const since = this.#since;
    this.#since = new SinceSnapshot();
    try {
      const { pause, confirm } = this.#options;
      const previous = this.#last;
      const head: SnapshotHead = {
        previous: previous === null ? null : { generation: previous.generation, crc32: previous.crc32 },
        place: { generation, ...journal.end },
        builds,
      };
      const name = { number: (previous?.number ?? 0) + 1, generation };
      const encoded = await encodeSnapshot(head, since.take(state), pause);
      await journal.sync();
      await writeSnapshot(join(folder, snapshotFileName(name)), encoded, disk, confirm);
      this.#last = { ...name, crc32: encoded.crc32 };
      this.#dueRecords = everyRecords;
    } catch (error) {
      // The next one tells of these, too: later each time, for it is longer each time.
      this.#since.addAll(since);
      this.#dueRecords = 2 * this.#since.records;
      onFailure(error);
    }
  }
}
