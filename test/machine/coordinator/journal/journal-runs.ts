import { mkdtemp, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { expect } from "vitest";
import { openJournal } from "../../../../coordinator/journal/journal.ts";
import { bodiesOf } from "../../../../coordinator/journal/snapshot-file.ts";
import { diskKeeper } from "../../../../coordinator/journal/snapshot-keeper.ts";
import { SnapshottingJournal } from "../../../../coordinator/journal/snapshotting-journal.ts";
import { replay } from "../../../../coordinator/schedule/events/replay.ts";
import { durableFacts } from "../../../../coordinator/schedule/laws/durable-facts.ts";
import { evolve } from "../../../../coordinator/schedule/state/evolve.ts";
import type { JournalRecord } from "../../../../coordinator/schedule/state/record.ts";
import { SinceSnapshot } from "../../../../coordinator/schedule/state/snapshot.ts";
import { type Disk, realDisk } from "../../../../shared/core/disk.ts";
import { firstRecords, shardRecords } from "../../../unit/coordinator/journal/journal-records.ts";
import { aConfig } from "../../../unit/coordinator/schedule/harness.ts";

/** A journal in its own folder, and the runs of a job that write it. */
export class JournalRuns {
  folder = "";
  /** Troubles with its snapshots. */
  readonly troubles: string[] = [];

  static async make(): Promise<JournalRuns> {
    const runs = new JournalRuns();
    await runs.anotherFolder();
    return runs;
  }

  /** Moves later runs to a new folder. */
  async anotherFolder(): Promise<void> {
    this.folder = await mkdtemp(join(tmpdir(), "snapshots-"));
  }

  /**
   * Opens the journal, and returns the state that the next coordinator finds, with the parts that it read.
   */
  async takeUp(disk: Disk = realDisk) {
    const opened = await openJournal(this.folder, 0, disk, {
      onSnapshotTrouble: (what) => this.troubles.push(what),
      // Two runs of a test begin with the same bytes.
      random: { hex: (bytes) => "0".repeat(2 * bytes), unit: () => 0 },
    });
    const { records, generation, snapshots } = opened;
    return { opened, state: replay(aConfig(), records, generation, bodiesOf(snapshots)) };
  }

  /**
   * Does a run that commits the shards `[from, to)` and is killed. It writes a snapshot every five records.
   */
  async run(
    from: number,
    to: number,
    disk: Disk = realDisk,
    { confirm = async () => {} }: { readonly confirm?: () => Promise<void> } = {},
  ): Promise<unknown[]> {
    const { opened, state } = await this.takeUp(disk);
    const failures: unknown[] = [];
    let isWriting = false;
    {
      await using journal = new SnapshottingJournal({
        journal: opened.journal,
        generation: opened.generation,
        keeper: diskKeeper({
          folder: this.folder,
          generation: opened.generation,
          // Its names are synced last.
          disk: whenSynced(disk, this.folder, () => {
            isWriting = false;
          }),
          confirm,
        }),
        state,
        last: opened.snapshots.at(-1) ?? null,
        since: SinceSnapshot.of(opened.records),
        pause: () => {
          isWriting = true;
          return setImmediate();
        },
        builds: ["a build"],
        everyRecords: 5,
        onFailure: (error) => {
          isWriting = false;
          failures.push(error);
        },
      });
      const append = async (record: JournalRecord) => {
        evolve(state, record);
        const written = journal.append(record, { durable: true });
        journal.eventAppended();
        await written;
        do await setImmediate();
        while (isWriting);
      };
      if (state.accepted === null) for (const record of firstRecords()) await append(record);
      for (const record of shardRecords(from, to, opened.generation)) await append(record);
    }
    await opened.journal.close();
    return failures;
  }

  async snapshotFiles(): Promise<string[]> {
    return (await readdir(this.folder)).filter((name) => name.endsWith(".snap")).sort();
  }

  /** Compares the state of all records with the state that was restored from snapshots. */
  async expectTheSame(): Promise<{ readonly used: number; readonly tail: number }> {
    const { opened, state } = await this.takeUp();
    await opened.journal.close();
    const all = await opened.readAll();
    expect(durableFacts(state)).toEqual(durableFacts(replay(aConfig(), all, opened.generation)));
    return { used: opened.snapshots.length, tail: opened.records.length };
  }
}

/** Returns a disk that calls back when a folder has been synced. */
function whenSynced(disk: Disk, folder: string, synced: () => void): Disk {
  return {
    ...disk,
    open: async (path, flags) => {
      const file = await disk.open(path, flags);
      if (path !== folder) return file;
      return {
        readInto: (bytes, at) => file.readInto(bytes, at),
        write: (bytes) => file.write(bytes),
        datasync: () => file.datasync(),
        sync: () => file.sync(),
        close: () => file.close().then(synced),
      };
    },
  };
}
