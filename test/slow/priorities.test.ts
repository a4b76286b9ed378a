import { expect, test } from "vitest";
import { NEVER, sleep } from "../../shared/core/abort.ts";
import type { JobStatus } from "../../shared/domain/job-status.ts";
import { aJobId } from "../support/ids.ts";
import { ask, startCoordinator, startListening, startWorker, until } from "../support/job-processes.ts";
import { expectRightAnswer } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { type CliProcess, runCli } from "../support/processes.ts";

/** The order of jobs, and paused jobs, with real processes. */

/** Enough that the first job still runs when the second one is planned. */
const SHARDS = 200;

function shards(): Promise<KnownJob> {
  return KnownJob.make({
    rows: SHARDS * 20,
    rowGroupRows: 20,
    hidden: [400, 400],
    spec: { input: { shardRows: 20 }, map: { batch: { rows: 10 } } },
  });
}

async function command(job: KnownJob, address: string, ...args: readonly string[]) {
  const result = await runCli([...args, "--coordinator", address], job);
  expect(result).toMatchObject({ code: 0 });
  return result;
}

/** Submits a job and returns its id. */
async function submit(job: KnownJob, address: string, ...args: readonly string[]): Promise<string> {
  return (await command(job, address, "submit", job.path, ...args)).stdout.trim();
}

const statusOf = (address: string, id: string) => ask(address, ({ jobs }) => jobs.getJob(aJobId(id), NEVER));

function untilStatus(address: string, id: string, what: string, is: (status: JobStatus) => boolean) {
  return until(what, async () => {
    const status = await statusOf(address, id);
    return is(status) ? status : null;
  });
}

/** Stops processes before their temporary folder is checked. */
async function stop(...processes: readonly CliProcess[]): Promise<void> {
  for (const process of processes) {
    process.kill("SIGTERM");
    await process.ended;
  }
}

test("a job of a higher priority overtakes a running job without aborting its attempts", async () => {
  await using low = await shards();
  await using high = await shards();
  const { cli, address } = await startCoordinator(low, []);
  await using coordinator = cli;
  await using worker = startWorker(low, address);
  const lowId = await submit(low, address);
  await untilStatus(address, lowId, "rows of the first", ({ shardsCommitted }) => shardsCommitted > 0);
  const highId = await submit(high, address, "--priority", "5");
  const ended = await untilStatus(address, highId, "end of the second", ({ phase }) => phase === "published");
  expect(ended).toMatchObject({ priority: 5, attempts: SHARDS, attemptsFailed: 0 });
  const overtaken = await statusOf(address, lowId);
  expect(overtaken).toMatchObject({ priority: 0 });
  expect(overtaken.shardsCommitted).toBeLessThan(SHARDS);
  const last = await untilStatus(address, lowId, "end of the first", ({ phase }) => phase === "published");
  expect(last).toMatchObject({ attempts: SHARDS, attemptsFailed: 0 });
  await stop(worker, coordinator);
  for (const job of [low, high]) await expectRightAnswer(job);
});

test("a paused job finishes its attempts, stays paused after a coordinator's restart, and can resume", async () => {
  await using job = await shards();
  const before = await startCoordinator(job, []);
  await using first = before.cli;
  const { address } = before;
  await using worker = startWorker(job, address);
  const id = await submit(job, address, "--priority", "-2");
  await untilStatus(address, id, "first rows", ({ shardsCommitted }) => shardsCommitted > 0);
  expect((await command(job, address, "pause", id)).stdout).toBe(`${id} is paused\n`);
  const idle = await untilStatus(address, id, "end of what runs", ({ shardsLeased }) => shardsLeased === 0);
  expect(idle).toMatchObject({ phase: "running", paused: true, secondsLeft: null, attemptsFailed: 0 });
  expect(idle.shardsCommitted).toBeLessThan(SHARDS);
  expect((await command(job, address, "status", id)).stdout).toContain("paused  priority -2");
  await sleep(1_000, NEVER);
  expect((await statusOf(address, id)).attempts).toBe(idle.attempts);

  first.kill("SIGKILL");
  await first.ended;
  const { cli } = await startListening(job, ["coordinator", "--listen", address, "--log-level", "warn"]);
  await using second = cli;
  const again = await command(job, address, "submit", job.path);
  expect(again.stdout.trim()).toBe(id);
  expect(again.stderr).toContain(`the job is paused: continue it with \`shardmill resume ${id}\``);
  await sleep(1_000, NEVER);
  expect(await statusOf(address, id)).toMatchObject({
    paused: true,
    priority: -2,
    shardsCommitted: idle.shardsCommitted,
    shardsLeased: 0,
  });
  await command(job, address, "priority", id, "3");
  expect((await command(job, address, "resume", id)).stdout).toBe(`${id} is resumed\n`);
  const end = await untilStatus(address, id, "end", ({ phase }) => phase === "published");
  expect(end).toMatchObject({ paused: false, priority: 3, attempts: SHARDS, attemptsFailed: 0 });
  expect((await runCli(["pause", id, "--coordinator", address], job)).stderr).toContain("JOB_ENDED");
  await stop(worker, second);
  await expectRightAnswer(job);
});
