import { setImmediate } from "node:timers/promises";
import { openJournal } from "../../coordinator/journal/journal.ts";
import { SnapshottingJournal } from "../../coordinator/journal/snapshotting-journal.ts";
import { replay } from "../../coordinator/schedule/events/replay.ts";
import { DEFAULT_SCHEDULE } from "../../coordinator/schedule/state/config.ts";
import { evolve } from "../../coordinator/schedule/state/evolve.ts";
import type { JournalRecord } from "../../coordinator/schedule/state/record.ts";
import { SinceSnapshot } from "../../coordinator/schedule/state/snapshot.ts";
import { sha256 } from "../../shared/core/digest.ts";
import { asExecutionId } from "../../shared/domain/execution-id.ts";
import { asJobId } from "../../shared/domain/job-id.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import { NO_ROWS } from "../../shared/domain/row-counts.ts";
import { shardId } from "../../shared/domain/shard.ts";

const SHARD_ROWS = 1_000;

/** Records appended at once: more than may wait for the disk. */
const RECORDS_AT_ONCE = 5_000;

/** Writes the journal of a job of `shards` shards, each granted and committed once. */
export async function longJournal(path: string, shards: number): Promise<{ records: number; bytes: number }> {
  await using opened = await openJournal(path, Date.now());
  const { generation } = opened;
  const state = replay({ ...DEFAULT_SCHEDULE, maxDeadLetters: 0 }, opened.records, generation);
  await using journal = new SnapshottingJournal({
    journal: opened.journal,
    generation,
    since: SinceSnapshot.of(opened.records),
    pause: () => setImmediate(),
    keeper: opened.keeper,
    state,
    last: null,
    builds: [],
    everyRecords: opened.keeper.everyRecords,
    onFailure: (error) => {
      throw error;
    },
  });
  let records = 0;
  let bytes = 0;
  let waiting: Promise<void>[] = [];
  const append = async (record: JournalRecord) => {
    records += 1;
    bytes += JSON.stringify(record).length;
    evolve(state, record);
    waiting.push(journal.append(record, { durable: false }));
    journal.eventAppended();
    if (waiting.length < RECORDS_AT_ONCE) return;
    await Promise.all(waiting);
    waiting = [];
  };
  const digests = { spec: sha256("spec"), input: sha256("input"), model: sha256("model") };
  await append({ kind: "jobAccepted", jobId: asJobId("bench"), name: "bench", digests });
  const ranges = Array.from(
    { length: shards },
    (_, index) => [index * SHARD_ROWS, (index + 1) * SHARD_ROWS] as const,
  );
  await append({
    kind: "planSealed",
    files: [["/data/part-0.parquet", shards * SHARD_ROWS]],
    shards: ranges,
  });
  for (let index = 0; index < shards; index += 1) {
    const shard = shardId(index);
    const token = { generation, sequence: index + 1 };
    await append({ kind: "leaseGranted", shard, token, worker: `node${index % 100}-cuda0`, backup: false });
    await append({
      kind: "shardCommitted",
      partial: aPartial({ shard, token, executionId: asExecutionId(sha256(`${index}`).slice(0, 16)) }),
    });
  }
  await Promise.all(waiting);
  return { records, bytes };
}

function aPartial(name: Pick<PartialManifest, "shard" | "token" | "executionId">): PartialManifest {
  const rows = {
    kind: "rows",
    name: "rows.parquet",
    rows: SHARD_ROWS,
    bytes: 12_345,
    sha256: sha256(`${name.shard} rows`),
  } as const;
  const combined = {
    kind: "combined",
    name: "combined-classes.parquet",
    rows: 10,
    bytes: 678,
    sha256: sha256(`${name.shard} combined`),
  } as const;
  const counts = { ...NO_ROWS, rowsIn: SHARD_ROWS, rowsMapped: SHARD_ROWS, rowsOut: SHARD_ROWS };
  const files = [rows, combined];
  return { ...name, ...counts, firstDeadLetter: null, files, digest: sha256(`${name.shard}`) };
}
