import { readdir } from "node:fs/promises";
import { expect, test } from "vitest";
import { startMisbehaving } from "../../fault/misbehaving-workers.ts";
import { startListening, startWorker } from "../support/job-processes.ts";
import { expectRightAnswer, query } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { runCli } from "../support/processes.ts";

/** Workers that a row kills, that are far too slow, or that never come: real processes with one fault. */

function startCoordinator(job: KnownJob, times: readonly string[] = []) {
  const args = ["coordinator", job.path, "--listen", "127.0.0.1:0", "--log-level", "warn", ...times];
  return startListening(job, args, { limitMs: 300_000 });
}

test("a row that crashes every worker becomes a dead letter, and the other rows are published", async () => {
  const POISON = 13;
  await using job = await KnownJob.make({
    rows: 40,
    files: 1,
    rowGroupRows: 4,
    spec: { input: { shardRows: 4 }, map: { batch: { rows: 4 } }, errors: { maxRows: 1 } },
  });
  const { cli, address } = await startCoordinator(job);
  await using coordinator = cli;
  const wrong = { kind: "diesOfRow", row: POISON } as const;
  const supervisor = await startMisbehaving(job, wrong, { coordinator: address, workers: 3 });
  try {
    expect(await coordinator.ended).toMatchObject({ code: 3 });
  } finally {
    await supervisor.stop();
  }
  expect(await query(`SELECT "row", code FROM read_parquet('${job.out}/_errors/*.pq')`)).toEqual([
    [BigInt(POISON), "ROW_POISON"],
  ]);
  const { attempts, shards } = await expectRightAnswer(job, { missing: [POISON] });
  // Three crashes each for the shard, its half, and the row.
  expect(attempts).toBeGreaterThanOrEqual(shards + 3 * 3 - 1);
});

test("the shards of a very slow worker also run on another worker, and the first result counts", async () => {
  await using job = await KnownJob.make({
    rows: 400,
    files: 1,
    rowGroupRows: 5,
    spec: { input: { shardRows: 5 }, map: { batch: { rows: 5 } } },
  });
  const { cli, address } = await startCoordinator(job, ["--backup-min-ms", "500"]);
  await using coordinator = cli;
  const wrong = { kind: "slow", ms: 300_000 } as const;
  const slow = await startMisbehaving(job, wrong, { coordinator: address, workers: 1 });
  try {
    await cli.saw(/1 worker/);
    await using healthy = startWorker(job, address);
    expect(await coordinator.ended).toMatchObject({ code: 0 });
    expect(await healthy.ended).toMatchObject({ code: 0 });
  } finally {
    await slow.stop();
  }
  const { attempts, shards } = await expectRightAnswer(job);
  expect(attempts).toBeGreaterThan(shards);
  // At most 5 % of extra leases.
  expect(attempts).toBeLessThanOrEqual(shards + 4);
});

test("a job without workers fails with NO_WORKERS after the grace time, and a later run finishes it", async () => {
  await using job = await KnownJob.make({ rows: 40 });
  const { cli } = await startCoordinator(job, ["--worker-grace-ms", "1000"]);
  await using lonely = cli;
  const result = await lonely.ended;
  expect(result).toMatchObject({ code: 1, stderr: expect.stringContaining("NO_WORKERS") });
  expect(result.seconds).toBeLessThan(60);
  expect(await readdir(job.out)).toEqual(["_shardmill"]);
  expect(await runCli(["run", job.path, "--workers", "1"], job)).toMatchObject({ code: 0 });
  await expectRightAnswer(job);
});
