import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { freePort } from "../../../fault/free-port.ts";
import { runOf, SHARDS, slowJob } from "../../support/interrupted-job.ts";
import { startListening, startWorker, untilCommitted } from "../../support/job-processes.ts";
import { expectRightAnswer, readManifestOf } from "../../support/known-answer.ts";
import type { KnownJob } from "../../support/known-job.ts";
import { type CliProcess, runCli, SHARDMILL_MAIN, startCli } from "../../support/processes.ts";

/** Tests this version and the previous one in real processes. `npm run compatibility` builds both. */

const NEW = SHARDMILL_MAIN;
const BEFORE = process.env.SHARDMILL_BEFORE ?? "";
/** The previous version, with another mapping. */
const OTHER = process.env.SHARDMILL_OTHER_MAPPING ?? "";

/** Digest of the output of this version alone: paths, rows, bytes and digests of all its files. */
let alone: string;

beforeAll(async () => {
  expect([BEFORE, OTHER], "`npm run compatibility` sets these variables").not.toContain("");
  await using job = await slowJob();
  expect(await runCli(runOf(job), job)).toMatchObject({ code: 0 });
  alone = (await readManifestOf(job)).outputDigest;
});

async function expectSame(job: KnownJob): Promise<void> {
  await expectRightAnswer(job);
  const { outputDigest, shards } = await readManifestOf(job);
  expect({ outputDigest, shards }).toEqual({ outputDigest: alone, shards: SHARDS });
}

const coordinatorOf = (job: KnownJob, port: number) =>
  ["coordinator", job.path, "--listen", `127.0.0.1:${port}`, "--log-level", "info"] as const;

test.each([
  ["the previous version", "this version", BEFORE, NEW],
  ["this version", "the previous version", NEW, BEFORE],
])("a worker of %s works for a coordinator of %s, with the same output", async (_w, _c, ofWorker, main) => {
  await using job = await slowJob();
  const { cli, address } = await startListening(job, coordinatorOf(job, 0), { main });
  await using coordinator = cli;
  await using worker = startWorker(job, address, [], { main: ofWorker });
  expect(await coordinator.ended).toMatchObject({ code: 0 });
  expect(await worker.ended).toMatchObject({ code: 0 });
  await expectSame(job);
});

test("a killed and updated coordinator resumes its job with workers of the previous version", async () => {
  await using job = await slowJob();
  const port = await freePort();
  const { cli, address } = await startListening(job, coordinatorOf(job, port), { main: BEFORE });
  await using killed = cli;
  await using worker = startWorker(job, address, ["--patience", "240"], { main: BEFORE });
  await untilCommitted(job, 3);
  killed.kill("SIGKILL");
  await killed.ended;
  const updated = await startListening(job, coordinatorOf(job, port), { main: NEW });
  await using coordinator = updated.cli;
  expect(await coordinator.ended).toMatchObject({ code: 0 });
  expect(await worker.ended).toMatchObject({ code: 0 });
  await expectSame(job);
});

test("an updated coordinator keeps its jobs, and accepts commands of both versions", async () => {
  await using first = await slowJob();
  await using second = await slowJob();
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const state = join(first.folder, "kept");
  const start = async (main: string): Promise<CliProcess> => {
    const args = ["coordinator", "--listen", address, "--state", state];
    const cli = startCli(args, { env: first.env, main, limitMs: 300_000 });
    await cli.saw(/waiting for jobs/);
    return cli;
  };
  const to = ["--coordinator", address];
  const run = async (main: string, ...args: readonly string[]) => {
    const ended = await runCli([...args, ...to], { env: first.env, main });
    expect(ended).toMatchObject({ code: 0 });
    return ended.stdout.trim();
  };
  await using before = await start(BEFORE);
  await using worker = startWorker(first, address, ["--patience", "240"], { main: BEFORE });
  const ids = [await run(NEW, "submit", first.path)];
  expect(JSON.parse(await run(NEW, "status", ids[0] ?? "", "--json"))).toMatchObject([{ jobId: ids[0] }]);
  await untilCommitted(first, 3);
  before.kill("SIGKILL");
  await before.ended;
  await using after = await start(NEW);
  ids.push(await run(BEFORE, "submit", second.path));
  for (const [at, id] of ids.entries()) {
    expect(JSON.parse(await run(at === 0 ? BEFORE : NEW, "watch", id, "--json"))).toMatchObject({
      state: "published",
    });
    expect(JSON.parse(await run(BEFORE, "status", id, "--json"))).toMatchObject([{ phase: "published" }]);
  }
  expect(JSON.parse(await run(NEW, "workers", "--json"))).toHaveLength(1);
  expect(worker.groupLives() && after.groupLives()).toBe(true);
  worker.kill("SIGTERM");
  expect(await worker.ended).toMatchObject({ code: 0 });
  for (const job of [first, second]) await expectSame(job);
});

test("only workers of the mapping that a job began with can finish it", async () => {
  await using job = await slowJob();
  const port = await freePort();
  const { cli, address } = await startListening(job, coordinatorOf(job, port), { main: OTHER });
  await using killed = cli;
  await using begun = startWorker(job, address, [], { main: OTHER });
  await untilCommitted(job, 3);
  for (const each of [killed, begun]) each.killGroup("SIGKILL");
  await Promise.all([killed.ended, begun.ended]);
  const refused = await runCli(runOf(job), job);
  expect(refused).toMatchObject({ code: 2 });
  expect(refused.stdout + refused.stderr).toContain("JOB_MISMATCH");
  const updated = await startListening(job, coordinatorOf(job, port), { main: NEW });
  await using coordinator = updated.cli;
  await coordinator.saw(/the job's rows are mapped by 1001: only workers of shardmill/);
  await using idle = startWorker(job, address, ["--idle-exit", "2"], { main: NEW });
  expect(await idle.ended).toMatchObject({ code: 0 });
  await using worker = startWorker(job, address, [], { main: OTHER });
  expect(await coordinator.ended).toMatchObject({ code: 0 });
  expect(await worker.ended).toMatchObject({ code: 0 });
  await expectSame(job);
  expect((await readManifestOf(job)).versions.mapping).toMatch(/^1001 /);
});

test("a worker whose mapping no job uses is refused with the difference", async () => {
  await using job = await slowJob();
  const { cli, address } = await startListening(job, coordinatorOf(job, 0), { main: NEW });
  await using _coordinator = cli;
  // The job is planned. Before that, it could still use the other mapping.
  await using worker = startWorker(job, address, [], { main: OTHER });
  const { code, stderr, stdout } = await worker.ended;
  expect(code).toBe(2);
  expect(stdout + stderr).toContain("VERSION_SKEW");
  expect(stdout + stderr).toContain("1001");
});
