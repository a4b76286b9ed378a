import { execFile } from "node:child_process";
import { chmod, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { packageRoot } from "../../../shared/core/package-root.ts";
import { slowJob } from "../../support/interrupted-job.ts";
import { until, untilCommitted } from "../../support/job-processes.ts";
import { expectRightAnswer } from "../../support/known-answer.ts";
import type { KnownJob } from "../../support/known-job.ts";
import { SHARDMILL_MAIN } from "../../support/processes.ts";
import { type SlurmCluster, startSlurm } from "../../support/slurm-cluster.ts";

/** The templates of deploy/slurm on a real Slurm: slurmctld, slurmd and munge, with simulated GPUs. */

const execFileAsync = promisify(execFile);
const SUBMIT = join(packageRoot, "deploy", "slurm", "submit.sh");

let slurm: SlurmCluster;
beforeAll(async () => {
  slurm = await startSlurm();
});
afterAll(() => slurm?.[Symbol.asyncDispose]());

interface Submitted {
  readonly coordinator: string;
  readonly workers: string;
}

/** Submits as a user would, from the job's folder, with the installed command. */
async function submit(job: KnownJob, workers: number): Promise<Submitted> {
  const command = job.at("shardmill");
  await writeFile(command, `#!/bin/sh\nexec "${process.execPath}" "${SHARDMILL_MAIN}" "$@"\n`);
  await chmod(command, 0o755);
  const env = {
    ...process.env,
    ...slurm.env,
    ...job.env,
    SHARDMILL: command,
    SHARDMILL_COORDINATOR_OPTIONS: "--insecure",
    SHARDMILL_WORKER_OPTIONS: "--device cpu --workers 1 --threads 1",
  };
  const { stdout } = await execFileAsync(SUBMIT, [job.path, String(workers)], { env, cwd: job.at() });
  const [, coordinator = "", array = ""] = /^coordinator (\d+), workers (\d+)\n$/.exec(stdout) ?? [];
  return { coordinator, workers: array };
}

/**
 * Returns the state of each task: `RUNNING`, `COMPLETED` and so on. Slurm forgets ended jobs after some
 * minutes.
 */
async function states(job: string): Promise<readonly string[]> {
  const told = await slurm.ask("scontrol", "show", "job", "--oneliner", job);
  return told.split("\n").map((line) => / JobState=(\w+)/.exec(line)?.[1] ?? "");
}

const untilAll = (job: string, state: string) =>
  until(`${job} to be ${state}`, async () =>
    (await states(job)).every((each) => each === state) ? true : null,
  );

test("a job with an array of workers is published, and all processes exit by themselves", async () => {
  await using job = await slowJob();
  const { coordinator, workers } = await submit(job, 2);
  await untilAll(coordinator, "COMPLETED");
  await untilAll(workers, "COMPLETED");
  await expectRightAnswer(job);
  expect((await readdir(job.at())).filter((name) => name.endsWith(".address"))).toEqual([]);
});

test("a preempted worker and coordinator stop in time, restart, and lose no row", async () => {
  await using job = await slowJob();
  const { coordinator, workers } = await submit(job, 1);
  await untilCommitted(job, 2);
  // All cores, so that both jobs must stop.
  const wrap = [
    "--partition=urgent",
    "--ntasks=1",
    "--cpus-per-task=16",
    "--output=/dev/null",
    "--wrap=sleep 5",
  ];
  const urgent = await slurm.ask("sbatch", "--parsable", ...wrap);
  const startedMs = performance.now();
  await untilAll(urgent, "RUNNING");
  // Long before the end of their grace.
  expect(performance.now() - startedMs).toBeLessThan(25_000);
  await untilAll(urgent, "COMPLETED");
  for (const id of [coordinator, workers]) {
    const told = await slurm.ask("scontrol", "show", "job", "--oneliner", id);
    expect(told).toMatch(/ JobState=(PENDING|RUNNING) .* Restarts=1 /);
    // Slurm would wait for two minutes.
    await slurm.ask("scontrol", "update", `JobId=${id}`, "StartTime=now").catch(() => {});
  }
  await untilAll(coordinator, "COMPLETED");
  await untilAll(workers, "COMPLETED");
  await expectRightAnswer(job);
});

test("a cancelled job is not restarted", async () => {
  await using job = await slowJob();
  const { coordinator, workers } = await submit(job, 1);
  await untilCommitted(job, 2);
  await slurm.ask("scancel", workers);
  await untilAll(workers, "CANCELLED");
  await slurm.ask("scancel", coordinator);
  await untilAll(coordinator, "CANCELLED");
  await until("nothing to run", async () => ((await slurm.ask("squeue", "--noheader")) === "" ? true : null));
});
