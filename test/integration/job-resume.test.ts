import { readdir, readFile, rename, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { decodeFrames, encodeHeader, encodeRecord } from "../../coordinator/journal/framing.ts";
import { segmentPath } from "../../coordinator/journal/segment-file.ts";
import { planJob } from "../../coordinator/plan/plan-job.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { buildVersion } from "../../shared/core/package-root.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import { readJobFile } from "../../shared/job-file/read-job-file.ts";
import {
  ask,
  type JournalFacts,
  journalFacts,
  rowsFileOf,
  startListening,
  untilCommitted,
} from "../support/job-processes.ts";
import { expectRightAnswer, readManifestOf } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { type CliResult, runCli } from "../support/processes.ts";

/** A run that ends before its job does, however it ends, and the same command after it. */

const SHARDS = 24;

/** Slow enough to be stopped in the middle: each row costs two million multiplications. */
function slowJob(): Promise<KnownJob> {
  return KnownJob.make({
    rows: SHARDS * 100,
    rowGroupRows: 100,
    hidden: [1_400, 1_400],
    spec: { input: { shardRows: 100 }, map: { batch: { rows: 10 } } },
  });
}

const runOf = (job: KnownJob) => ["run", job.path, "--workers", "2", "--json"];

test("a run killed with its journal open dies with its workers, and the next does only what was left", async () => {
  await using job = await slowJob();
  await using killed = (await startListening(job, runOf(job))).cli;
  await untilCommitted(job, 4);
  killed.kill("SIGKILL");
  const killedMs = performance.now();
  // Resolves when the workers, too, are gone: nobody tells them but the broken connection to their parent.
  expect(await killed.ended).toMatchObject({ signal: "SIGKILL" });
  expect(performance.now() - killedMs).toBeLessThan(5_000);

  const before = await expectInTheMiddle(job);
  const places = await inodesOf(job, before.committed);
  const resumed = await runCli(runOf(job), job);
  expect(resumed).toMatchObject({ code: 0 });
  expect(resumed.stderr).toContain(
    `goes on after an interruption: ${before.committed.length} of ${SHARDS} shards`,
  );
  await expectResumedOnly(job, before, resumed);
  // The committed files themselves are published: renamed, never made again.
  for (const [shard, inode] of places) {
    const path = `${job.out}/rows/part-${String(shard).padStart(5, "0")}.parquet`;
    expect((await stat(path)).ino).toBe(inode);
  }
});

test("a job's folder that was moved is resumed where it is now, and is the same job by any path that leads to it", async () => {
  await using job = await slowJob();
  await using killed = (await startListening(job, runOf(job))).cli;
  await untilCommitted(job, 3);
  killed.kill("SIGKILL");
  await killed.ended;
  const before = await expectInTheMiddle(job);
  // Back where it was at the end: there the answer is checked.
  const [moved, elsewhere] = [join(job.folder, "moved"), join(job.folder, "elsewhere")];
  await rename(job.at(), moved);
  const resumed = await runCli(["run", join(moved, "job.yaml"), "--workers", "2", "--json"], job);
  expect(resumed).toMatchObject({ code: 0 });
  expect(resumed.stderr).toContain(`goes on after an interruption: ${before.committed.length} of ${SHARDS}`);
  await rename(moved, job.at());
  await expectResumedOnly(job, before, resumed);
  await symlink(job.at(), elsewhere);
  const again = await runCli(["run", join(elsewhere, "job.yaml"), "--json"], job);
  expect(again).toMatchObject({ code: 0, stderr: expect.stringContaining("published already") });
});

test("a run that another version began is gone on with, said so, and both are in the manifest", async () => {
  await using job = await slowJob();
  await using killed = (await startListening(job, runOf(job))).cli;
  await untilCommitted(job, 3);
  killed.kill("SIGKILL");
  await killed.ended;
  const before = await expectInTheMiddle(job);
  await pretendBuild(job, "0.0.7");
  const resumed = await runCli(runOf(job), job);
  expect(resumed).toMatchObject({ code: 0 });
  expect(resumed.stderr).toContain(`begun by shardmill 0.0.7, this is ${buildVersion}`);
  await expectResumedOnly(job, before, resumed);
  const { builds, versions } = await readManifestOf(job);
  expect([builds, versions.shardmill]).toEqual([["0.0.7", buildVersion], buildVersion]);
});

/** As if the run before had been another version's. */
async function pretendBuild(job: KnownJob, build: string): Promise<void> {
  const path = segmentPath(join(job.out, "_shardmill", "journal"), 1);
  const { records } = decodeFrames(await readFile(path));
  const changed = records.map((record) =>
    record.kind === "generationStarted" ? { ...record, build } : record,
  );
  expect(changed).not.toEqual(records);
  await writeFile(path, Buffer.concat([encodeHeader(1), ...changed.map(encodeRecord)]));
}

test("SIGINT ends a run with 130 and nothing published, and the same command publishes", async () => {
  await using job = await slowJob();
  await using stopped = (await startListening(job, runOf(job))).cli;
  await untilCommitted(job, 3);
  stopped.kill("SIGINT");
  const result = await stopped.ended;
  expect(result).toMatchObject({ code: 130, stdout: "" });
  expect(result.stderr).toContain("the same command resumes the job");
  const before = await expectInTheMiddle(job);
  // Drained: nothing that was begun was thrown away unsaid.
  expect(await readdir(job.tmp)).toEqual([]);
  const resumed = await runCli(runOf(job), job);
  expect(resumed).toMatchObject({ code: 0 });
  await expectResumedOnly(job, before, resumed);
});

test("a second SIGINT ends the run at once, and still nothing is lost", async () => {
  await using job = await slowJob();
  await using stopped = (await startListening(job, runOf(job))).cli;
  await untilCommitted(job, 3);
  stopped.kill("SIGINT");
  await stopped.saw(/again to stop at once/);
  stopped.kill("SIGINT");
  const againMs = performance.now();
  expect(await stopped.ended).toMatchObject({ code: 130, stdout: "" });
  expect(performance.now() - againMs).toBeLessThan(3_000);
  const before = await expectInTheMiddle(job);
  const resumed = await runCli(runOf(job), job);
  expect(resumed).toMatchObject({ code: 0 });
  await expectResumedOnly(job, before, resumed);
});

test("planning that is interrupted, whenever, ends with the signal's reason and leaves nothing", async () => {
  await using job = await KnownJob.make({ rows: 2_000, files: 200, rowGroupRows: 10 });
  const spec = await readJobFile(job.path, { set: [], env: {} });
  const reason = new ShardmillError("INTERRUPTED", "stopped by a signal");
  for (const waitMs of [0, 20, 100]) {
    await expect(planJob(spec, abortAfter(waitMs, reason))).rejects.toBe(reason);
  }
  expect(await readdir(job.at())).toEqual(["data", "job.yaml", "model.onnx"]);
});

function abortAfter(ms: number, reason: Error): AbortSignal {
  const abort = new AbortController();
  setTimeout(() => abort.abort(reason), ms);
  return abort.signal;
}

test("a reduction that takes for ever is given up at once, by a signal or by a cancel", async () => {
  const final = "SELECT sum(a.range * b.range) AS total FROM rows, range(10_000_000) a, range(10_000_000) b";
  await using job = await KnownJob.make({ rows: 10, spec: { reduce: { endless: { final } } } });
  for (const end of ["SIGINT", "cancel"] as const) {
    const { cli, address } = await startListening(job, runOf(job));
    await using run = cli;
    await run.saw(/known reducing/);
    const endMs = performance.now();
    if (end === "SIGINT") run.kill(end);
    else await ask(address, async ({ jobs }) => jobs.cancelJob((await jobs.getJob("")).jobId, "too slow"));
    expect(await run.ended).toMatchObject({ code: end === "SIGINT" ? 130 : 1 });
    expect(performance.now() - endMs).toBeLessThan(8_000);
    expect(await readdir(job.out)).toEqual(["_shardmill"]);
    expect(await readdir(job.tmp)).toEqual([]);
  }
});

/** The fault fired: some shards are committed, some are not, and nothing is to be seen. */
async function expectInTheMiddle(job: KnownJob): Promise<JournalFacts> {
  expect(await readdir(job.out)).toEqual(["_shardmill"]);
  const facts = await journalFacts(job);
  expect(facts.shards).toBe(SHARDS);
  expect(facts.committed.length).toBeGreaterThanOrEqual(3);
  expect(facts.committed.length).toBeLessThan(SHARDS);
  return facts;
}

/** The right answer, and every shard that was committed before was run no more. */
async function expectResumedOnly(job: KnownJob, before: JournalFacts, resumed: CliResult): Promise<void> {
  await expectRightAnswer(job);
  const left = SHARDS - before.committed.length;
  const { attempts, shards } = await readManifestOf(job);
  expect(shards).toBe(SHARDS);
  expect(attempts).toBe(before.granted + left);
  expect(JSON.parse(resumed.stdout)).toMatchObject({ state: "published", rows: SHARDS * 100, attempts });
}

async function inodesOf(
  job: KnownJob,
  partials: readonly PartialManifest[],
): Promise<[shard: number, inode: number][]> {
  return Promise.all(
    partials.map(async (partial) => [partial.shard, (await stat(rowsFileOf(job, partial))).ino]),
  );
}
