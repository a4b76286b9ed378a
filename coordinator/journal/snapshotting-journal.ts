import type { Disk } from "../../shared/core/disk.ts";
import type { JobState } from "../schedule/state/job-state.ts";
import type { JournalRecord } from "../schedule/state/record.ts";
import { SinceSnapshot } from "../schedule/state/snapshot.ts";
import type { JournalWriter } from "./journal-writer.ts";
import { encodeSnapshot, type SnapshotHead, type SnapshotName } from "./snapshot-file.ts";
import { writeSnapshot } from "./snapshots.ts";

/**
 * Records between two snapshots. A resume reads at most so many records beside the snapshots: a tenth of a
 * second. Of half as many shards a snapshot is made in one go, which must not take longer than a lease may
 * wait; and a job of a million shards has a hundred of them.
 */
export const SNAPSHOT_RECORDS = 20_000;

interface SnapshottingOptions {
  readonly journal: JournalWriter;
  readonly generation: number;
  /** What the state was made of: the last snapshot, if any, and all records behind it. */
  readonly last: SnapshotName | null;
  readonly records: readonly JournalRecord[];
  /** The journal's. */
  readonly folder: string;
  readonly disk: Disk;
  /** Of all records so far, and changed only in step with what is appended. */
  readonly state: JobState;
  readonly builds: readonly string[];
  /** {@link SNAPSHOT_RECORDS} */
  readonly everyRecords: number;
  /** A snapshot could not be written: the journal has all that it would have told. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * A journal that leaves snapshots of the state on its way, so that a resume need not read all of it. Law
 * `replay-is-the-state`: snapshots and the records behind them tell the same as all records.
 *
 * A snapshot is made between two events, of a state that has all records so far in it, and is written once
 * these are on disk: it never tells of a record that a crash could take back.
 */
export class SnapshottingJournal implements AsyncDisposable {
  readonly #options: SnapshottingOptions;
  #since = new SinceSnapshot();
  #last: SnapshotName | null;
  #dueRecords: number;
  #writing: Promise<void> | null = null;

  constructor(options: SnapshottingOptions) {
    this.#options = options;
    this.#last = options.last;
    this.#dueRecords = options.everyRecords;
    for (const record of options.records) this.#since.add(record);
  }

  append(record: JournalRecord, options: { readonly durable: boolean }): Promise<void> {
    this.#since.add(record);
    return this.#options.journal.append(record, options);
  }

  /** To be called when all records of an event are appended, and before the next event. */
  eventAppended(): void {
    if (this.#since.records >= this.#dueRecords && this.#writing === null)
      this.#writing = this.#write().finally(() => {
        this.#writing = null;
      });
  }

  /** Waits for a snapshot that is being written. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    const { journal, generation, folder, disk, state, builds, everyRecords, onFailure } = this.#options;
    const since = this.#since;
    this.#since = new SinceSnapshot();
    try {
      const head: SnapshotHead = {
        previous: this.#last?.generation ?? null,
        place: { generation, ...journal.end },
        builds,
      };
      const name = { number: (this.#last?.number ?? 0) + 1, generation };
      const bytes = encodeSnapshot(head, since.take(state));
      await journal.sync();
      await writeSnapshot(folder, name, bytes, disk);
      this.#last = name;
      this.#dueRecords = everyRecords;
    } catch (error) {
      // The next one tells of these, too.
      this.#since.addAll(since);
      this.#dueRecords = this.#since.records + everyRecords;
      onFailure(error);
    }
  }
}
