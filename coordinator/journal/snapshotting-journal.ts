import type { JobState } from "../schedule/state/job-state.ts";
import type { JournalRecord } from "../schedule/state/record.ts";
import { SinceSnapshot } from "../schedule/state/snapshot.ts";
import type { JournalWriter } from "./journal-writer.ts";
import { encodeSnapshot, type LastSnapshot, type SnapshotHead } from "./snapshot-file.ts";
import type { SnapshotKeeper } from "./snapshot-keeper.ts";

interface SnapshottingOptions {
  readonly journal: JournalWriter;
  readonly generation: number;
  /** The last that the state was made of, if any, and what all records behind it were about. */
  readonly last: LastSnapshot | null;
  readonly since: SinceSnapshot;
  readonly keeper: SnapshotKeeper;
  /** Of all records so far, and changed only in step with what is appended. */
  readonly state: JobState;
  readonly builds: readonly string[];
  /** How the run went until now, as JSON can have it: no part of the state. */
  readonly remembered?: () => unknown;
  /** Between two of them; the keeper's, or fewer. */
  readonly everyRecords: number;
  /** Lets others have their turn, between two blocks of a snapshot that is made. */
  readonly pause: () => Promise<void>;
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
      // The next one tells of these, too: later each time, for it is longer each time.
      this.#since.addAll(since);
      this.#dueRecords = 2 * this.#since.records;
      onFailure(error);
    }
  }
}
