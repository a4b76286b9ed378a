import { spawnSync } from "node:child_process";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { processesWith } from "../../fault/left-processes.ts";
import { NEVER, sleep } from "../../shared/core/abort.ts";
import { startListening, untilCommitted } from "../support/job-processes.ts";
import { expectRightAnswer } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { type CliProcess, runCli, startCli } from "../support/processes.ts";

/**
 * Two coordinators on one output, in separate PID namespaces, so that they cannot see each other, as in two
 * containers.
 */

const APART = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];
const canUnshare = spawnSync("unshare", [...APART.slice(1), "true"]).status === 0;

function slowJob(): Promise<KnownJob> {
  return KnownJob.make({
    rows: 6_000,
    rowGroupRows: 100,
    hidden: [1_400, 1_400],
    spec: { input: { shardRows: 100 }, map: { batch: { rows: 10 } } },
  });
}

const run = (job: KnownJob): string[] => ["run", job.path, "--json"];

function kill(cli: CliProcess): Promise<unknown> {
  cli.killGroup("SIGKILL");
  return cli.ended;
}

describe.skipIf(!canUnshare)(
  "two coordinators in separate PID namespaces (needs the right to unshare)",
  // Each test mostly waits.
  { concurrent: true },
  () => {
    test("the second is refused while the first runs, and the first publishes the right rows", async () => {
      await using job = await slowJob();
      await using first = (await startListening(job, run(job), { wrap: APART })).cli;
      await untilCommitted(job, 1);
      // On any machine, the job does not end while its workers are stopped.
      const workers = processesWith(job.folder).filter(({ command }) => command.includes("worker-process"));
      expect(workers).not.toEqual([]);
      for (const { pid } of workers) process.kill(pid, "SIGSTOP");
      const second = await runCli(run(job), { wrap: APART, env: job.env });
      for (const { pid } of workers) process.kill(pid, "SIGCONT");
      expect(second).toMatchObject({ code: 1, stderr: expect.stringContaining("(OUTPUT_LOCKED)") });
      expect(second.stderr).toMatch(/waiting 20 s for a heartbeat of process \d+ on \S+, which/);
      expect(second.stderr).toContain("it renews its lock from another container or machine");
      expect(await first.ended).toMatchObject({ code: 0 });
      await expectRightAnswer(job);
    });

    test("the second resumes the job of a killed one after a wait, and at once in the same namespace", async () => {
      await using job = await slowJob();
      await using first = (await startListening(job, run(job), { wrap: APART })).cli;
      await untilCommitted(job, 1);
      await kill(first);
      // This process cannot judge the temporary files of the other namespace, so they stay.
      for (const name of await readdir(job.tmp)) await rm(join(job.tmp, name), { recursive: true });
      await using here = startCli(run(job), { env: job.env, limitMs: 300_000 });
      await here.saw(/waiting 20 s for a heartbeat of process/);
      const toldMs = performance.now();
      await here.saw(/resumes after an interruption/);
      expect(performance.now() - toldMs).toBeGreaterThan(15_000);
      await kill(here);
      await using again = startCli(run(job), { env: job.env, limitMs: 300_000 });
      expect(await again.ended).toMatchObject({
        code: 0,
        stderr: expect.not.stringContaining("waiting 20 s"),
      });
      await expectRightAnswer(job);
    });

    test("a suspended coordinator that continues after a takeover reports its lost lock and changes nothing", async () => {
      await using job = await slowJob();
      await using first = (await startListening(job, run(job), { wrap: APART })).cli;
      await untilCommitted(job, 1);
      first.killGroup("SIGSTOP");
      await using second = startCli(run(job), { wrap: APART, env: job.env, limitMs: 300_000 });
      await second.saw(/resumes after an interruption/);
      first.killGroup("SIGCONT");
      await sleep(100, NEVER);
      expect(await first.ended).toMatchObject({ code: 1, stderr: expect.stringContaining("lost its lock") });
      expect(await second.ended).toMatchObject({ code: 0 });
      await expectRightAnswer(job);
    });
  },
);
