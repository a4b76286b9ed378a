import { readdir } from "node:fs/promises";
import { expect } from "vitest";
import { type JournalFacts, journalFacts } from "./job-processes.ts";
import { expectRightAnswer, readManifestOf } from "./known-answer.ts";
import { KnownJob } from "./known-job.ts";
import type { CliResult } from "./processes.ts";

/** A job that is interrupted and resumed, with its expectations. */

export const SHARDS = 24;

/** Makes a job that is slow enough to interrupt: two million multiplications a row, with one row a batch. */
export function slowJob(shards = SHARDS, output: Readonly<Record<string, unknown>> = {}): Promise<KnownJob> {
  return KnownJob.make({
    rows: shards * 100,
    rowGroupRows: 100,
    hidden: [1_400, 1_400],
    spec: { input: { shardRows: 100 }, map: { batch: { rows: 1 } }, output },
  });
}

export const runOf = (job: KnownJob) => ["run", job.path, "--workers", "2", "--json"];

/** Expects that the interruption hit the job: some shards are committed, and nothing is published. */
export async function expectInTheMiddle(job: KnownJob): Promise<JournalFacts> {
  expect(await readdir(job.out)).toEqual(["_shardmill"]);
  const facts = await journalFacts(job);
  expect(facts.shards).toBe(SHARDS);
  expect(facts.committed.length).toBeGreaterThanOrEqual(3);
  expect(facts.committed.length).toBeLessThan(SHARDS);
  return facts;
}

/** Expects the right answer, without another run of the shards that were already committed. */
export async function expectResumedOnly(
  job: KnownJob,
  before: JournalFacts,
  resumed: CliResult,
): Promise<void> {
  await expectRightAnswer(job);
  const left = SHARDS - before.committed.length;
  const { attempts, shards } = await readManifestOf(job);
  expect(shards).toBe(SHARDS);
  expect(attempts).toBe(before.granted + left);
  expect(JSON.parse(resumed.stdout)).toMatchObject({ state: "published", rows: SHARDS * 100, attempts });
}
