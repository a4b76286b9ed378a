import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { childrenOf } from "../../fault/left-processes.ts";
import { startListening, startWorker, untilCommitted } from "../support/job-processes.ts";
import { expectRightAnswer } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { type CliOptions, type CliResult, runCli } from "../support/processes.ts";
import { canMount, makeReadOnly, SmallDisk } from "../support/small-disk.ts";

/**
 * Full or read-only disks, too few files, too little memory. Each leads to a clear error or a clean end,
 * without a partial output. Once the limit is gone, the same command gives the right answer.
 */

const LIMIT_MS = 120_000;

function smallJob(): Promise<KnownJob> {
  return KnownJob.make({ rows: 600, rowGroupRows: 100, spec: { input: { shardRows: 100 } } });
}

/** Makes a job that is slow enough to lose the disk during it. */
function slowJob(): Promise<KnownJob> {
  return KnownJob.make({
    rows: 1_600,
    rowGroupRows: 100,
    hidden: [1_400, 1_400],
    spec: { input: { shardRows: 100 }, map: { batch: { rows: 10 } } },
  });
}

function run(job: KnownJob, options: CliOptions = {}): Promise<CliResult> {
  const env = { ...job.env, ...options.env };
  return runCli(["run", job.path, "--workers", "1"], { ...options, env, limitMs: LIMIT_MS });
}

function expectNotPublished(job: KnownJob): void {
  expect(existsSync(join(job.out, "_manifest.json"))).toBe(false);
}

async function expectRelief(job: KnownJob): Promise<void> {
  expect(await run(job)).toMatchObject({ code: 0 });
  await expectRightAnswer(job);
}

/** Limits the size of every file, as a full disk does. Works without root. */
const filesUpTo = (bytes: number): CliOptions => ({ wrap: ["prlimit", `--fsize=${bytes}`] });

test.each([8, 48])(
  "a job on a full output disk of %i KiB fails, and the same command finishes it with more space",
  async (kibibytes) => {
    await using job = await smallJob();
    if (canMount()) {
      await using disk = await SmallDisk.mount(job.out, kibibytes);
      const failed = await run(job);
      expect(failed).toMatchObject({ code: 1, stderr: expect.stringMatching(/no space left/i) });
      expect(failed.stderr).not.toMatch(/INTERNAL|ROW_POISON/);
      expectNotPublished(job);
      disk.resize(64 * 1024);
      await expectRelief(job);
      return;
    }
    const failed = await run(job, filesUpTo(kibibytes * 100));
    expect(failed).toMatchObject({ code: 1, stderr: expect.stringMatching(/EFBIG/) });
    await expectRelief(job);
  },
  LIMIT_MS,
);

test(
  "a read-only output folder is refused at once",
  async () => {
    await using job = await smallJob();
    {
      await using _readOnly = await makeReadOnly(job.out);
      const refused = await run(job);
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("OUTPUT_FAILED") });
    }
    await expectRelief(job);
  },
  LIMIT_MS,
);

test(
  "an output folder that becomes read-only fails the job, and a later run resumes its commits",
  async () => {
    await using job = await slowJob();
    const { cli } = await startListening(job, ["run", job.path, "--workers", "1"], { limitMs: LIMIT_MS });
    await using running = cli;
    const { committed } = await untilCommitted(job, 2);
    {
      await using _readOnly = await makeReadOnly(
        canMount() ? job.out : join(job.out, "_shardmill", "partials"),
      );
      const failed = await running.ended;
      expect(failed).toMatchObject({ code: 1, stderr: expect.stringMatching(/EROFS|EACCES|read-only/i) });
      expect(failed.stderr).not.toMatch(/INTERNAL|ROW_POISON/);
    }
    expectNotPublished(job);
    const resumed = await run(job);
    expect(resumed).toMatchObject({ code: 0 });
    const done = Number(/: (\d+) of 16 shards are done already/.exec(resumed.stderr)?.[1]);
    expect(done).toBeGreaterThanOrEqual(committed.length);
    await expectRightAnswer(job);
  },
  LIMIT_MS,
);

test(
  "a worker that cannot write its files fails the job with the reason",
  async () => {
    await using job = await smallJob();
    const args = ["coordinator", job.path, "--listen", "127.0.0.1:0", "--log-level", "warn"];
    const { cli, address } = await startListening(job, args, { limitMs: LIMIT_MS });
    await using coordinator = cli;
    const wrap = filesUpTo(2_000);
    await using worker = startWorker(job, address, ["--data", "coordinator"], { ...wrap, limitMs: LIMIT_MS });
    const failed = await coordinator.ended;
    expect(failed).toMatchObject({ code: 1, stderr: expect.stringMatching(/EFBIG|file too large/i) });
    expect(failed.stderr).not.toMatch(/INTERNAL|ROW_POISON/);
    expect(await worker.ended).toMatchObject({ code: 0 });
    await expectRelief(job);
  },
  LIMIT_MS,
);

test(
  "a job that runs out of file descriptors fails with the reason, and the same command finishes it",
  async () => {
    await using job = await slowJob();
    const { cli } = await startListening(job, ["run", job.path, "--workers", "1"], { limitMs: LIMIT_MS });
    await using running = cli;
    await untilCommitted(job, 2);
    for (const pid of [running.pid, ...(await childrenOf(running.pid))])
      spawnSync("prlimit", ["--pid", String(pid), "--nofile=10:"]);
    const failed = await running.ended;
    expect(failed).toMatchObject({ code: 1, stderr: expect.stringMatching(/too many open files/i) });
    expect(failed.stderr).not.toMatch(/ROW_POISON/);
    expectNotPublished(job);
    await expectRelief(job);
  },
  LIMIT_MS,
);

test(
  "a run with too few file descriptors fails without a manifest, and the same command finishes it",
  async () => {
    // Too few for a worker to load its code, or for the threads of a lane. The necessary number depends on
    // the machine, so the limit falls until it is too low. Workers that never join are abandoned after some
    // attempts.
    for (const limit of [80, 70, 60, 55, 50, 45, 40, 35, 30]) {
      await using job = await smallJob();
      const { code, stderr } = await run(job, { wrap: ["prlimit", `--nofile=${limit}`] });
      if (code === 0) continue;
      expect(code).toBe(1);
      expect(stderr).toMatch(/too many open files|EMFILE/i);
      expect(stderr).not.toMatch(/ROW_POISON/);
      expectNotPublished(job);
      return await expectRelief(job);
    }
    expect.unreachable("a run succeeds with 30 file descriptors");
  },
  LIMIT_MS,
);

test(
  "a coordinator without memory exits, and the same command finishes its job",
  async () => {
    await using job = await smallJob();
    // The minimum differs between versions of Node.js, so it grows until it is enough.
    let failed = 0;
    for (const megabytes of [16, 17, 18, 19, 20]) {
      const { code } = await run(job, { env: { NODE_OPTIONS: `--max-old-space-size=${megabytes}` } });
      if (code === 0) break;
      failed += 1;
      expectNotPublished(job);
    }
    expect(failed).toBeGreaterThan(0);
    await expectRelief(job);
  },
  LIMIT_MS,
);
