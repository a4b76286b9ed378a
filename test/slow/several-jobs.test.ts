import { expect, test } from "vitest";
import { NEVER, sleep } from "../../shared/core/abort.ts";
import { isEnded } from "../../shared/domain/job.ts";
import { ask, startCoordinator, startWorker, until } from "../support/job-processes.ts";
import { expectRightAnswer } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { type CliProcess, runCli } from "../support/processes.ts";

/** Several jobs on one coordinator, which do not disturb each other. */

const SHARDS = 60;

/** Makes a job with many short shards, so that a worker could change jobs in the middle. */
function smallShards(): Promise<KnownJob> {
  return KnownJob.make({
    rows: SHARDS * 20,
    rowGroupRows: 20,
    hidden: [400, 400],
    spec: { input: { shardRows: 20 }, map: { batch: { rows: 10 } } },
  });
}

async function submitAll(jobs: readonly KnownJob[], address: string): Promise<void> {
  for (const job of jobs) {
    expect(await runCli(["submit", job.path, "--coordinator", address], job)).toMatchObject({ code: 0 });
    await sleep(200, NEVER);
  }
}

async function untilAllEnded(jobs: readonly KnownJob[], address: string): Promise<void> {
  const statuses = await until("end of every job", () =>
    ask(address, async (client) => {
      const all = await client.jobs.listJobs(NEVER);
      return all.length === jobs.length && all.every(({ phase }) => isEnded(phase)) ? all : null;
    }),
  );
  for (const status of statuses) {
    expect(status).toMatchObject({ phase: "published", shardsTotal: SHARDS });
    expect({ failed: status.attemptsFailed, attempts: status.attempts }).toEqual({
      failed: 0,
      attempts: SHARDS,
    });
  }
}

/** Stops processes before their temporary folder is checked. */
async function stop(...processes: readonly CliProcess[]): Promise<void> {
  for (const process of processes) {
    process.kill("SIGTERM");
    expect(await process.ended).toMatchObject({ signal: null });
  }
}

test("one worker runs three jobs one after the other, and opens each once", async () => {
  await using first = await smallShards();
  await using second = await smallShards();
  await using third = await smallShards();
  const jobs = [first, second, third];
  const { cli, address } = await startCoordinator(first, []);
  await using coordinator = cli;
  await using worker = startWorker(first, address, ["--log-level", "info"]);
  await submitAll(jobs, address);
  await untilAllEnded(jobs, address);
  await stop(worker, coordinator);
  for (const job of jobs) await expectRightAnswer(job);
  expect(worker.stderr.match(/"msg":"job opened"/g)).toHaveLength(jobs.length);
  expect(worker.stderr).not.toMatch(/attempt failed|is replaced/);
});

test("two workers run two jobs without a failed attempt", async () => {
  await using first = await smallShards();
  await using second = await smallShards();
  const jobs = [first, second];
  const { cli, address } = await startCoordinator(first, []);
  await using coordinator = cli;
  await using one = startWorker(first, address);
  await using other = startWorker(second, address);
  await submitAll(jobs, address);
  await untilAllEnded(jobs, address);
  await stop(one, other, coordinator);
  for (const job of jobs) await expectRightAnswer(job);
});
