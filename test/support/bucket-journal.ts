import { readRunFile } from "../../coordinator/journal/run-file.ts";
import type { JournalRecord } from "../../coordinator/schedule/state/record.ts";
import { ObjectsReader } from "../../extensions/bucket-journal/read-objects.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { factsOf, type JournalFacts, until } from "./job-processes.ts";

/** Reads the records of a journal in the bucket of its job's output. Returns none without a journal. */
export async function recordsInBucket(storage: Storage, output: Location): Promise<readonly JournalRecord[]> {
  const work = below(output, "_shardmill");
  const run = await readRunFile(below(work, "journal.json"), storage, NEVER);
  if (run === null) return [];
  const reader = new ObjectsReader(below(work, run, "journal"), storage, null);
  await reader.readOn();
  return reader.records;
}

/** Waits until the job that publishes there has sealed its plan and committed `count` shards. */
export async function untilCommittedInBucket(
  storage: Storage,
  output: Location,
  count: number,
): Promise<JournalFacts> {
  return await until(`${count} commits`, async () => {
    const records = await recordsInBucket(storage, output);
    const isSealed = records.some((record) => record.kind === "planSealed");
    const facts = factsOf(records);
    return isSealed && facts.committed.length >= count ? facts : null;
  });
}
