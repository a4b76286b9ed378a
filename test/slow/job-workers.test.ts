import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { NEVER } from "../../shared/core/abort.ts";
import { aJobId } from "../support/ids.ts";
import {
  ask,
  startCoordinator,
  startListening,
  startWorker,
  until,
  untilCommitted,
} from "../support/job-processes.ts";
import { expectRightAnswer, readManifestOf } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";

/**
 * Workers that are killed, stopped, or without access to the data. The job continues, and its answer is
 * right.
 */

const SHARDS = 24;

/** Makes a job that is slow enough to lose workers during it: each row costs two million multiplications. */
function slowJob(files = 2): Promise<KnownJob> {
  return KnownJob.make({
    rows: SHARDS * 100,
    files,
    rowGroupRows: 100,
    hidden: [1_400, 1_400],
    spec: { input: { shardRows: 100 }, map: { batch: { rows: 10 } } },
  });
}

/** Returns the PIDs of a coordinator's workers. */
function workerPids(address: string): Promise<number[]> {
  return ask(address, async ({ workers }) => (await workers.listWorkers(NEVER)).map(({ pid }) => pid));
}

/** Kills a worker with a lease, and waits until another process has replaced it. */
async function killOneWorker(address: string): Promise<void> {
  const victim = await until("a worker with a lease", () =>
    ask(
      address,
      async ({ workers }) => (await workers.listWorkers(NEVER)).find(({ leases }) => leases > 0) ?? null,
    ),
  );
  process.kill(victim.pid, "SIGKILL");
  const successor = await until("a worker of the same name", () =>
    ask(address, async ({ workers }) => {
      const found = (await workers.listWorkers(NEVER)).find(({ name }) => name === victim.name);
      return found === undefined || found.pid === victim.pid ? null : found;
    }),
  );
  expect(successor.pid).not.toBe(victim.pid);
}

test("a killed worker of a run is restarted, and its shard runs again", async () => {
  await using job = await slowJob();
  const { cli, address } = await startListening(job, ["run", job.path, "--workers", "2", "--json"]);
  await using run = cli;
  await untilCommitted(job, 2);
  await killOneWorker(address);
  const result = await run.ended;
  expect(result).toMatchObject({ code: 0 });
  const { attempts, shards } = await expectRightAnswer(job);
  expect(attempts).toBeGreaterThan(shards);
});

test("a killed worker that joined a coordinator is restarted by its supervisor", async () => {
  await using job = await slowJob();
  const { cli, address } = await startCoordinator(job);
  await using coordinator = cli;
  await using supervisor = startWorker(job, address);
  await untilCommitted(job, 2);
  await killOneWorker(address);
  expect(await coordinator.ended).toMatchObject({ code: 0 });
  expect(await supervisor.ended).toMatchObject({ code: 0 });
  const { attempts, shards } = await expectRightAnswer(job);
  expect(attempts).toBeGreaterThan(shards);
});

test("a worker that receives SIGTERM drains and exits with code 0, and another worker does the rest", async () => {
  await using job = await slowJob();
  const { cli, address } = await startCoordinator(job);
  await using coordinator = cli;
  await using leaving = startWorker(job, address);
  await untilCommitted(job, 2);
  leaving.kill("SIGTERM");
  const termMs = performance.now();
  const left = await leaving.ended;
  expect(left).toMatchObject({ code: 0 });
  expect(performance.now() - termMs).toBeLessThan(25_000);
  expect(await workerPids(address)).toEqual([]);
  const status = await ask(address, ({ jobs }) => jobs.getJob(aJobId(""), NEVER));
  expect(status).toMatchObject({ phase: "running", shardsLeased: 0, attemptsFailed: 0 });
  await using other = startWorker(job, address);
  expect(await coordinator.ended).toMatchObject({ code: 0 });
  expect(await other.ended).toMatchObject({ code: 0 });
  await expectRightAnswer(job);
});

test("a worker without a coordinator fails after its patience, and exits at once on SIGTERM before", async () => {
  await using job = await KnownJob.make({ rows: 10 });
  const nobody = "127.0.0.1:1";
  await using impatient = startWorker(job, nobody, ["--patience", "1"]);
  expect(await impatient.ended).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("COORDINATOR_UNREACHABLE"),
  });
  await using patient = startWorker(job, nobody);
  await patient.saw(/waiting for the coordinator/);
  patient.kill("SIGTERM");
  const termMs = performance.now();
  expect(await patient.ended).toMatchObject({ code: 0 });
  expect(performance.now() - termMs).toBeLessThan(20_000);
});

test("a worker without access to the data reads it over gRPC, with the right result", async () => {
  await using job = await KnownJob.make({ rows: 1_500, files: 3 });
  const { cli, address } = await startCoordinator(job);
  await using coordinator = cli;
  await using worker = startInvisible(job, address);
  expect(await coordinator.ended).toMatchObject({ code: 0 });
  const { code, stderr } = await worker.ended;
  expect(code).toBe(0);
  expect(stderr).toMatch(/"input":"(shared, else )?coordinator","output":"coordinator"/);
  await expectRightAnswer(job);
  expect((await readManifestOf(job)).files.filter(({ kind }) => kind === "rows")).toHaveLength(3);
});

test.each([["none"], ["/nowhere", "s3://"]])(
  "a worker with --allow-locations %s reads everything through the coordinator",
  async (...allowed) => {
    await using job = await KnownJob.make({ rows: 1_500, files: 3 });
    const { cli, address } = await startCoordinator(job);
    await using coordinator = cli;
    await using worker = startWorker(job, address, ["--allow-locations", ...allowed]);
    expect(await coordinator.ended).toMatchObject({ code: 0 });
    expect((await worker.ended).stderr).toContain(
      '"input":"shared, else coordinator","output":"coordinator"',
    );
    await expectRightAnswer(job);
  },
);

/** True when this machine permits separate mounts for a worker. */
const canMount = spawnSync("unshare", ["--mount", "true"]).status === 0;

describe.skipIf(!canMount)("a worker without access to one file (needs the right to mount)", () => {
  /** Returns a command in which one file is empty, as on a node where one mount is missing. */
  const blindTo = (name: string, job: KnownJob): string[] => [
    ...["unshare", "--mount", "sh", "-c", 'mount --bind "$0/empty" "$0/data/$1" && shift && exec "$@"'],
    ...[job.at(), name],
  ];

  test("reads that file through the coordinator and the others itself with --data auto", async () => {
    await using job = await KnownJob.make({ rows: 1_500, files: 3 });
    await job.write("empty", "");
    const { cli, address } = await startCoordinator(job);
    await using coordinator = cli;
    await using worker = startWorker(job, address, ["--data", "auto"], {
      wrap: blindTo("part-0001.parquet", job),
    });
    expect(await coordinator.ended).toMatchObject({ code: 0 });
    const { stderr } = await worker.ended;
    expect(stderr).toContain('"input":"shared, else coordinator","output":"shared"');
    expect(stderr).toContain(`"path":"${job.at("data/part-0001.parquet")}"`);
    const { attempts, shards } = await expectRightAnswer(job);
    expect(attempts).toBe(shards);
  });

  test("is excluded with --data shared, and another worker maps its shards", async () => {
    await using job = await slowJob(3);
    await job.write("empty", "");
    const { cli, address } = await startCoordinator(job);
    await using coordinator = cli;
    await using seeing = startWorker(job, address, ["--data", "shared"]);
    await using worker = startWorker(job, address, ["--data", "shared"], {
      wrap: blindTo("part-0002.parquet", job),
    });
    const { code, stderr } = await coordinator.ended;
    expect(stderr).toContain('"code":"WORKER_UNFIT"');
    expect(code).toBe(0);
    await Promise.all([worker.ended, seeing.ended]);
    const { attempts, shards } = await expectRightAnswer(job);
    expect(attempts).toBeGreaterThan(shards);
  });
});

/**
 * Starts a worker in a mount namespace in which the job's folder is empty, as on another machine. Without the
 * right to mount, the worker gets an option instead. data-access.test.ts tests that `auto` detects this.
 */
function startInvisible(job: KnownJob, address: string) {
  const hide = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', job.at()];
  const [command = "", ...rest] = [...hide, "test", "!", "-e", job.path];
  return spawnSync(command, rest).status === 0
    ? startWorker(job, address, ["--data", "auto"], { wrap: hide })
    : startWorker(job, address, ["--data", "coordinator"]);
}
