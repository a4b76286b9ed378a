import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { slowJob } from "../support/interrupted-job.ts";
import { startListening, startWorker, untilCommitted } from "../support/job-processes.ts";
import { expectRightAnswer } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { runCli } from "../support/processes.ts";

/** Needs of a scheduler that places workers: addresses that come later and change, and exit codes. */

/** Returns arguments of a coordinator that takes any port and writes its address to a file. */
const placed = (job: KnownJob, ...args: readonly string[]) => [
  ...["coordinator", ...args, "--listen", "127.0.0.1:0", "--address-file", job.at("address")],
  ...["--log-level", "warn"],
];

test("a worker finds the coordinator by its address file, also after the coordinator's restart", async () => {
  await using job = await slowJob();
  await using worker = startWorker(job, `@${job.at("address")}`, ["--drained-exit-code", "75"]);
  await using first = (await startListening(job, placed(job, job.path))).cli;
  await untilCommitted(job, 2);
  const before = await readFile(job.at("address"), "utf8");
  first.killGroup("SIGKILL");
  await first.ended;
  await using second = (await startListening(job, placed(job, job.path))).cli;
  expect(await second.ended).toMatchObject({ code: 0 });
  expect(await readFile(job.at("address"), "utf8")).not.toBe(before);
  // The worker was dismissed, because no work was left.
  expect(await worker.ended).toMatchObject({ code: 0 });
  await expectRightAnswer(job);
});

test("a worker that a signal stops before the work is done exits with --drained-exit-code", async () => {
  await using job = await slowJob();
  const { cli, address } = await startListening(job, placed(job, job.path));
  await using coordinator = cli;
  await using leaving = startWorker(job, address, ["--drained-exit-code", "75"]);
  await untilCommitted(job, 2);
  leaving.kill("SIGTERM");
  expect(await leaving.ended).toMatchObject({ code: 75 });
  await using other = startWorker(job, address);
  expect(await coordinator.ended).toMatchObject({ code: 0 });
  expect(await other.ended).toMatchObject({ code: 0 });
  await expectRightAnswer(job);
});

test("a worker that a signal stops while it waits for its coordinator exits with --drained-exit-code", async () => {
  await using job = await KnownJob.make({ rows: 10 });
  await using worker = startWorker(job, `@${job.at("address")}`, ["--drained-exit-code", "75"]);
  // The worker handles signals by then. An earlier signal would end it.
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  worker.kill("SIGTERM");
  expect(await worker.ended).toMatchObject({ code: 75, signal: null });
});

test("an idle worker exits by itself, after its work and before any", async () => {
  await using job = await slowJob();
  const { cli, address } = await startListening(job, placed(job));
  await using standing = cli;
  // Planning may take seconds on a busy machine, and the worker must not leave before its end.
  await using idle = startWorker(job, address, ["--idle-exit", "10", "--drained-exit-code", "75"]);
  const submitted = runCli(["submit", job.path, "--coordinator", address, "--watch", "--json"], job);
  expect(await submitted).toMatchObject({ code: 0 });
  expect(await idle.ended).toMatchObject({ code: 0, stderr: expect.stringContaining("idle limit reached") });
  await using next = startWorker(job, address, ["--idle-exit", "1"]);
  expect(await next.ended).toMatchObject({ code: 0 });
  standing.kill("SIGTERM");
  await standing.ended;
  await expectRightAnswer(job);
});

test("a job with dead letters exits with code 3 or with --dead-letters-exit-code", async () => {
  await using job = await KnownJob.make({ rows: 300, nullRows: [7], spec: { errors: { maxRows: 1 } } });
  const run = (...more: readonly string[]) => runCli(["run", job.path, "--workers", "1", ...more], job);
  expect(await run()).toMatchObject({ code: 3 });
  expect(await run("--dead-letters-exit-code", "0")).toMatchObject({ code: 0 });
  const wrong = await run("--dead-letters-exit-code", "256");
  expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining("from 0 to 255, not 256") });
});
