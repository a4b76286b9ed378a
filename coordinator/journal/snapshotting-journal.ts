import type { JobState } from "../schedule/state/job-state.ts";
import type { JournalRecord } from "../schedule/state/record.ts";
import { SinceSnapshot } from "../schedule/state/snapshot.ts";
import type { JournalWriter } from "./journal-writer.ts";
import { encodeSnapshot, type LastSnapshot, type SnapshotHead } from "./snapshot-file.ts";
import type { SnapshotKeeper } from "./snapshot-keeper.ts";

interface SnapshottingOptions {
  readonly journal: JournalWriter;
  readonly generation: number;
  /** Snapshot that the state was restored from. Null: none. `since` covers all records after it. */
  readonly last: LastSnapshot | null;
  readonly since: SinceSnapshot;
  readonly keeper: SnapshotKeeper;
  /** State after all records so far. Changed only together with appends. */
  readonly state: JobState;
  readonly builds: readonly string[];
  /** Returns the history of the run as JSON data. It is not part of the state. */
  readonly remembered?: () => unknown;
  /** Records between two snapshots, at most the keeper's. */
  readonly everyRecords: number;
  /** Yields to other tasks between two blocks of a snapshot. */
  readonly pause: () => Promise<void>;
  /** Called when a snapshot could not be written. The journal still has all of its facts. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * A journal that writes snapshots of the state, so that a resume need not read all records.
 *
 * Law `replay-is-the-state`: snapshots and the records after them give the same state as all records.
 *
 * The facts of a snapshot are copied between two events, when the state includes all records so far. The
 * snapshot is encoded in pieces, and written once these records are on disk. So a crash can never take back a
 * record that a snapshot includes.
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

  /**
   * Starts a snapshot when one is due. Called when all records of an event are appended, before the next
   * event.
   */
  eventAppended(): void {
    if (this.#disposed || this.#writing !== null || this.#since.records < this.#dueRecords) return;
    this.#writing = this.#write().finally(() => {
      this.#writing = null;
    });
  }

  /** Waits for a snapshot that is being written. No further snapshots are made. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    await this.#writing;
  }

  async #write(): Promise<void> {
    const { journal, generation, keeper, state, builds, everyRecords, onFailure, pause } = this.#options;
    const since = this.#since;
    this.#since = new SinceSnapshot();
    try {
      const previous = this.#last;
      const head: SnapshotHead = {
        previous: previous === null ? null : { generation: previous.generation, crc32: previous.crc32 },
        place: { generation, ...journal.end },
        builds,
        run: this.#options.remembered?.(),
      };
      const name = keeper.nameAfter(previous);
      const encoded = await encodeSnapshot(head, since.take(state), pause);
      await journal.sync();
      await keeper.write(name, encoded);
      this.#last = { ...name, crc32: encoded.crc32 };
      this.#dueRecords = everyRecords;
    } catch (error) {
      // The next snapshot includes these records, too. The interval grows with the snapshot.
      this.#since.addAll(since);
      this.#dueRecords = 2 * this.#since.records;
      onFailure(error);
    }
  }
}
