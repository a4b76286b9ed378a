import { readdir } from "node:fs/promises";
import { expect, test } from "vitest";
import { journalFacts, startCoordinator, startWorker, untilCommitted } from "../support/job-processes.ts";
import { expectRightAnswer } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { type CliResult, runCli, startCli } from "../support/processes.ts";

/** Commands that call a running coordinator, and their leftovers. */

const SHARDS = 16;

function slowJob(): Promise<KnownJob> {
  return KnownJob.make({
    rows: SHARDS * 100,
    rowGroupRows: 100,
    hidden: [1_400, 1_400],
    spec: { input: { shardRows: 100 }, map: { batch: { rows: 10 } } },
  });
}

test("status, workers and watch show a submitted job until it is published", async () => {
  await using job = await slowJob();
  const { cli, address } = await startCoordinator(job, []);
  await using coordinator = cli;
  const shardmill = (...args: string[]): Promise<CliResult> =>
    runCli([...args, "--coordinator", address], job);
  expect(await shardmill("status")).toMatchObject({ code: 0, stdout: "no jobs\n" });
  expect(await shardmill("watch")).toMatchObject({ code: 2 });

  const submitted = await shardmill("submit", job.path);
  expect(submitted).toMatchObject({ code: 0 });
  const jobId = submitted.stdout.trim();
  expect(jobId).toMatch(/^known-[0-9a-f]{8}$/);
  await using worker = startWorker(job, address);
  await untilCommitted(job, 1);
  // Stopped, so that the state stays the same during the checks.
  worker.killGroup("SIGSTOP");
  const [status] = JSON.parse((await shardmill("status", "--json")).stdout);
  expect(status).toMatchObject({ jobId, phase: "running", shardsTotal: SHARDS, rowsTotal: SHARDS * 100 });
  const [only] = JSON.parse((await shardmill("workers", "--json")).stdout);
  expect(only).toMatchObject({ device: "cpu", slots: 3 });
  // The same output accepts one job at a time, from this coordinator or from another process.
  expect(await shardmill("submit", job.path)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("OUTPUT_LOCKED"),
  });
  expect(await runCli(["run", job.path, "--workers", "1"], job)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("OUTPUT_LOCKED"),
  });

  worker.killGroup("SIGCONT");
  const watched = await shardmill("watch", jobId, "--json");
  expect(watched).toMatchObject({ code: 0 });
  expect(JSON.parse(watched.stdout)).toMatchObject({ job: jobId, state: "published", shards: SHARDS });
  await expectRightAnswer(job, { running: true });
  expect(await shardmill("cancel", jobId)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/JOB_ENDED|TOO_LATE/),
  });
  expect(await shardmill("submit", job.path, "--watch")).toMatchObject({ code: 0 });
  const again = await shardmill("submit", job.path, "--fresh", "--watch", "--json");
  expect(again).toMatchObject({ code: 0 });
  expect(JSON.parse(again.stdout).job).not.toBe(jobId);

  worker.kill("SIGTERM");
  expect(await worker.ended).toMatchObject({ code: 0 });
  coordinator.kill("SIGINT");
  expect(await coordinator.ended).toMatchObject({ code: 130 });
  await expectRightAnswer(job);
});

test("a cancelled job publishes nothing, and the next run resumes from its committed shards", async () => {
  await using job = await slowJob();
  const { cli, address } = await startCoordinator(job);
  await using coordinator = cli;
  await using worker = startWorker(job, address);
  await using watch = startCli(["watch", "--coordinator", address], job);
  await untilCommitted(job, 2);
  worker.killGroup("SIGSTOP");
  const [{ jobId }] = JSON.parse((await runCli(["status", "--json", "--coordinator", address], job)).stdout);
  const cancelled = await runCli(
    ["cancel", jobId, "--reason", "second thoughts", "--coordinator", address],
    job,
  );
  expect(cancelled).toMatchObject({ code: 0, stdout: `${jobId} is cancelled\n` });
  worker.killGroup("SIGCONT");
  expect(await coordinator.ended).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("second thoughts"),
  });
  expect(await watch.ended).toMatchObject({ code: 1, stdout: expect.stringContaining("cancelled") });
  expect(await worker.ended).toMatchObject({ code: 0 });
  expect(await readdir(job.out)).toEqual(["_shardmill"]);

  const { committed } = await journalFacts(job);
  expect(committed.length).toBeLessThan(SHARDS);
  const resumed = await runCli(["run", job.path, "--workers", "2"], job);
  expect(resumed).toMatchObject({ code: 0 });
  expect(resumed.stderr).toContain(`resumes after it was cancelled: ${committed.length} of ${SHARDS} shards`);
  await expectRightAnswer(job);
});

test("commands without a coordinator fail soon with COORDINATOR_UNREACHABLE", async () => {
  const commands = [["status"], ["workers"], ["watch"], ["cancel", "some-job"]];
  const requested = commands.map((command) => runCli([...command, "--coordinator", "127.0.0.1:1", "--json"]));
  for (const result of await Promise.all(requested)) {
    expect(result).toMatchObject({ code: 1, stderr: expect.stringContaining("COORDINATOR_UNREACHABLE") });
    expect(JSON.parse(result.stdout)).toMatchObject({ error: { code: "COORDINATOR_UNREACHABLE" } });
    expect(result.seconds).toBeLessThan(60);
  }
});
