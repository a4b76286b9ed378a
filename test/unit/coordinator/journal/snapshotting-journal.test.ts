import { expect, test } from "vitest";
import { JournalWriter } from "../../../../coordinator/journal/journal-writer.ts";
import type { SnapshotName } from "../../../../coordinator/journal/snapshot-file.ts";
import { SnapshottingJournal } from "../../../../coordinator/journal/snapshotting-journal.ts";
import { evolve } from "../../../../coordinator/schedule/state/evolve.ts";
import { createJobState } from "../../../../coordinator/schedule/state/job-state.ts";
import type { JournalRecord } from "../../../../coordinator/schedule/state/record.ts";
import { SinceSnapshot } from "../../../../coordinator/schedule/state/snapshot.ts";
import { deferred } from "../../../../shared/core/abort.ts";
import { aConfig } from "../schedule/harness.ts";
import { firstRecords, shardRecords } from "./journal-records.ts";

/** Returns a journal with a snapshot after every record, and the gate of each snapshot's write. */
function aJournal() {
  const file = { append: async () => {}, sync: async () => {}, close: async () => {} };
  const gate = deferred<void>();
  const begun: SnapshotName[] = [];
  const ended: SnapshotName[] = [];
  const state = createJobState(aConfig(), 1);
  const journal = new SnapshottingJournal({
    journal: new JournalWriter(file),
    generation: 1,
    last: null,
    since: new SinceSnapshot(),
    keeper: {
      everyRecords: 1,
      nameAfter: (last) => ({ number: (last?.number ?? 0) + 1, generation: 1 }),
      async write(name) {
        begun.push(name);
        await gate.promise;
        ended.push(name);
      },
    },
    state,
    builds: [],
    everyRecords: 1,
    pause: async () => {},
    onFailure: (error) => {
      throw error;
    },
  });
  const append = async (record: JournalRecord) => {
    evolve(state, record);
    const written = journal.append(record, { durable: true });
    journal.eventAppended();
    await written;
    await settle();
  };
  return { journal, append, gate, begun, ended };
}

/** Waits until all code that waits for no other has run. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

test("a journal that is closed waits for the snapshot under way, and begins no other", async () => {
  const { journal, append, gate, begun, ended } = aJournal();
  const first = { number: 1, generation: 1 };
  for (const record of firstRecords()) await append(record);
  expect([begun, ended]).toEqual([[first], []]);
  let isClosed = false;
  const closing = journal[Symbol.asyncDispose]().then(() => {
    isClosed = true;
  });
  await settle();
  expect(isClosed).toBe(false);
  gate.resolve();
  await closing;
  expect(ended).toEqual([first]);
  for (const record of shardRecords(0, 3, 1)) await append(record);
  expect(begun).toEqual([first]);
});

test("one snapshot is written at a time, and the next is due after it", async () => {
  const { append, gate, begun, ended } = aJournal();
  for (const record of firstRecords()) await append(record);
  await append(shardRecords(0, 1, 1)[0] as JournalRecord);
  expect(begun).toHaveLength(1);
  gate.resolve();
  await settle();
  await append(shardRecords(0, 1, 1)[1] as JournalRecord);
  expect(begun).toEqual([
    { number: 1, generation: 1 },
    { number: 2, generation: 1 },
  ]);
  expect(ended).toEqual(begun);
});
