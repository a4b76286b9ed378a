import { readdir } from "node:fs/promises";
import { expect, test } from "vitest";
import { NEVER } from "../../shared/core/abort.ts";
import { aJobId } from "../support/ids.ts";
import { ask, startCoordinator, startWorker, until } from "../support/job-processes.ts";
import { expectRightAnswer } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { runCli } from "../support/processes.ts";

/** A real worker that alternates between jobs: which models it loads, and which it keeps. */

const SHARDS = 40;

/** Makes a job with a model of its own. */
function shards(hidden: readonly number[]): Promise<KnownJob> {
  return KnownJob.make({
    rows: SHARDS * 20,
    rowGroupRows: 20,
    hidden,
    spec: { input: { shardRows: 20 }, map: { batch: { rows: 10 } } },
  });
}

async function submit(job: KnownJob, address: string): Promise<string> {
  const result = await runCli(["submit", job.path, "--coordinator", address], job);
  expect(result).toMatchObject({ code: 0 });
  return result.stdout.trim();
}

/** Waits until the job has committed `more` further shards. */
async function untilMore(address: string, id: string, more: number): Promise<void> {
  const before = await ask(address, ({ jobs }) => jobs.getJob(aJobId(id), NEVER));
  await until("shards", async () => {
    const { shardsCommitted, shardsTotal } = await ask(address, ({ jobs }) => jobs.getJob(aJobId(id), NEVER));
    return shardsCommitted >= Math.min(before.shardsCommitted + more, shardsTotal) ? true : null;
  });
}

/** Alternates between two jobs by pausing one of them. Returns the worker's reports of its models. */
async function takeTurns(memory: string): Promise<{ loaded: number; kept: number; copies: number }> {
  await using one = await shards([400, 400]);
  await using other = await shards([300, 500]);
  const { cli, address } = await startCoordinator(one, []);
  await using coordinator = cli;
  await using worker = startWorker(one, address, [
    "--model-memory",
    memory,
    "--log-level",
    "info",
    "--data",
    "coordinator",
  ]);
  const ids = [await submit(one, address), await submit(other, address)] as const;
  await ask(address, async ({ jobs }) => {
    for (const turn of [0, 1, 0, 1] as const) {
      await jobs.pauseJob(aJobId(ids[turn === 0 ? 1 : 0]), NEVER);
      await jobs.resumeJob(aJobId(ids[turn]), NEVER);
      await untilMore(address, ids[turn], 4);
    }
  });
  // Copies for the last job, or for both: the worker does not see the files of the coordinator.
  const files = await readdir(one.tmp, { recursive: true });
  const copies = files.filter((path) => /copies\/model-[0-9a-f]+$/.test(path)).length;
  await ask(address, async ({ jobs }) => {
    for (const id of ids) await jobs.resumeJob(aJobId(id), NEVER);
  });
  for (const id of ids) await untilMore(address, id, SHARDS);
  await until("both to be published", async () => {
    const all = await ask(address, ({ jobs }) => jobs.listJobs(NEVER));
    return all.every(({ phase, attemptsFailed }) => phase === "published" && attemptsFailed === 0)
      ? all
      : null;
  });
  for (const process of [worker, coordinator]) {
    process.kill("SIGTERM");
    await process.ended;
  }
  for (const job of [one, other]) await expectRightAnswer(job);
  const count = (what: RegExp) => worker.stderr.match(what)?.length ?? 0;
  return { copies, loaded: count(/"msg":"lanes ready"/g), kept: count(/"msg":"model kept"/g) };
}

test("a worker that alternates between two jobs loads each model once within its memory limit", async () => {
  const { loaded, kept, copies } = await takeTurns("4GiB");
  expect(copies).toBe(2);
  expect(loaded).toBe(2);
  expect(kept).toBeGreaterThanOrEqual(2);
});

test("without memory for idle models each change of job loads one and removes the other's copy", async () => {
  const { loaded, kept, copies } = await takeTurns("0");
  expect(copies).toBe(1);
  expect(loaded).toBeGreaterThanOrEqual(4);
  expect(kept).toBe(0);
});
