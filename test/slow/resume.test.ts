import { readdir, readFile, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { decodeFrames, encodeHeader, encodeRecord } from "../../coordinator/journal/framing.ts";
import { segmentPath } from "../../coordinator/journal/segment-file.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { buildVersion } from "../../shared/core/package-root.ts";
import { aJobId } from "../support/ids.ts";
import { expectInTheMiddle, expectResumedOnly, runOf, SHARDS, slowJob } from "../support/interrupted-job.ts";
import { ask, startListening, untilCommitted } from "../support/job-processes.ts";
import { readManifestOf } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { runCli } from "../support/processes.ts";

/** A run that ends before its job, in any way, and the same command after it. */

test("a job is resumed after its folder was moved, and is the same job through a link to the folder", async () => {
  await using job = await slowJob();
  await using killed = (await startListening(job, runOf(job))).cli;
  await untilCommitted(job, 3);
  killed.kill("SIGKILL");
  await killed.ended;
  const before = await expectInTheMiddle(job);
  // Moved back at the end, where the answer is checked.
  const [moved, elsewhere] = [join(job.folder, "moved"), join(job.folder, "elsewhere")];
  await rename(job.at(), moved);
  const resumed = await runCli(["run", join(moved, "job.yaml"), "--workers", "2", "--json"], job);
  expect(resumed).toMatchObject({ code: 0 });
  expect(resumed.stderr).toContain(`resumes after an interruption: ${before.committed.length} of ${SHARDS}`);
  await rename(moved, job.at());
  await expectResumedOnly(job, before, resumed);
  await symlink(job.at(), elsewhere);
  const again = await runCli(["run", join(elsewhere, "job.yaml"), "--json"], job);
  expect(again).toMatchObject({ code: 0, stderr: expect.stringContaining("published already") });
});

test("a run that another version began is resumed, and the manifest has both versions", async () => {
  await using job = await slowJob();
  await using killed = (await startListening(job, runOf(job))).cli;
  await untilCommitted(job, 3);
  killed.kill("SIGKILL");
  await killed.ended;
  const before = await expectInTheMiddle(job);
  await pretendBuild(job, "0.0.7");
  const resumed = await runCli(runOf(job), job);
  expect(resumed).toMatchObject({ code: 0 });
  expect(resumed.stderr).toContain(`begun by shardmill 0.0.7, resumed by ${buildVersion}`);
  await expectResumedOnly(job, before, resumed);
  const { builds, versions } = await readManifestOf(job);
  expect([builds, versions.shardmill]).toEqual([["0.0.7", buildVersion], buildVersion]);
});

/** Changes the journal as if another version had written it. */
async function pretendBuild(job: KnownJob, build: string): Promise<void> {
  const path = segmentPath(join(job.out, "_shardmill", "journal"), 1);
  const { records } = decodeFrames(await readFile(path));
  const changed = records.map((record) =>
    record.kind === "generationStarted" ? { ...record, build } : record,
  );
  expect(changed).not.toEqual(records);
  await writeFile(path, Buffer.concat([encodeHeader(1), ...changed.map(encodeRecord)]));
}

test("a second SIGINT stops the run at once, and no commit is lost", async () => {
  await using job = await slowJob();
  await using stopped = (await startListening(job, runOf(job))).cli;
  await untilCommitted(job, 3);
  stopped.kill("SIGINT");
  await stopped.saw(/again to stop at once/);
  stopped.kill("SIGINT");
  const againMs = performance.now();
  expect(await stopped.ended).toMatchObject({ code: 130, stdout: "" });
  expect(performance.now() - againMs).toBeLessThan(20_000);
  const before = await expectInTheMiddle(job);
  const resumed = await runCli(runOf(job), job);
  expect(resumed).toMatchObject({ code: 0 });
  await expectResumedOnly(job, before, resumed);
});

test("an endless reduction is stopped by a signal and by a cancel", async () => {
  const final = "SELECT sum(a.range * b.range) AS total FROM rows, range(10_000_000) a, range(10_000_000) b";
  await using job = await KnownJob.make({ rows: 10, spec: { reduce: { endless: { final } } } });
  for (const end of ["SIGINT", "cancel"] as const) {
    const { cli, address } = await startListening(job, runOf(job));
    await using run = cli;
    await run.saw(/known reducing/);
    const endMs = performance.now();
    if (end === "SIGINT") run.kill(end);
    else
      await ask(address, async ({ jobs }) =>
        jobs.cancelJob((await jobs.getJob(aJobId(""), NEVER)).jobId, "too slow", NEVER),
      );
    expect(await run.ended).toMatchObject({ code: end === "SIGINT" ? 130 : 1 });
    expect(performance.now() - endMs).toBeLessThan(30_000);
    expect(await readdir(job.out)).toEqual(["_shardmill"]);
    expect(await readdir(job.tmp)).toEqual([]);
  }
});
