import { readdir, stat } from "node:fs/promises";
import { expect, test } from "vitest";
import { planJob } from "../../coordinator/plan/plan-job.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import { readJobFile } from "../../shared/job-file/read-job-file.ts";
import { expectInTheMiddle, expectResumedOnly, runOf, SHARDS, slowJob } from "../support/interrupted-job.ts";
import { rowsFileOf, startListening, untilCommitted } from "../support/job-processes.ts";
import { KnownJob } from "../support/known-job.ts";
import { runCli } from "../support/processes.ts";

/** A run that ends before its job, and the same command after it. More of these tests are in test/slow. */

test("the workers of a killed run exit, and the next run maps only the remaining shards", async () => {
  await using job = await slowJob();
  await using killed = (await startListening(job, runOf(job))).cli;
  await untilCommitted(job, 4);
  killed.kill("SIGKILL");
  const killedMs = performance.now();
  // Resolves when the workers have exited, too. Only the broken connection to their parent ends them.
  expect(await killed.ended).toMatchObject({ signal: "SIGKILL" });
  expect(performance.now() - killedMs).toBeLessThan(30_000);

  const before = await expectInTheMiddle(job);
  const places = await inodesOf(job, before.committed);
  const resumed = await runCli(runOf(job), job);
  expect(resumed).toMatchObject({ code: 0 });
  expect(resumed.stderr).toContain(
    `resumes after an interruption: ${before.committed.length} of ${SHARDS} shards`,
  );
  await expectResumedOnly(job, before, resumed);
  // The committed files themselves are published by a rename.
  for (const [shard, inode] of places) {
    const path = `${job.out}/rows/part-${String(shard).padStart(5, "0")}.parquet`;
    expect((await stat(path)).ino).toBe(inode);
  }
});

test("SIGINT ends a run with exit code 130 before it publishes, and the same command resumes it", async () => {
  await using job = await slowJob();
  await using stopped = (await startListening(job, runOf(job))).cli;
  await untilCommitted(job, 3);
  stopped.kill("SIGINT");
  const result = await stopped.ended;
  expect(result).toMatchObject({ code: 130, stdout: "" });
  expect(result.stderr).toContain("the same command resumes the job");
  const before = await expectInTheMiddle(job);
  // The run drained, and logged all that it dropped.
  expect(await readdir(job.tmp)).toEqual([]);
  const resumed = await runCli(runOf(job), job);
  expect(resumed).toMatchObject({ code: 0 });
  await expectResumedOnly(job, before, resumed);
});

test("planning rejects with the signal's reason when it is interrupted, and leaves no file", async () => {
  await using job = await KnownJob.make({ rows: 2_000, files: 200, rowGroupRows: 10 });
  const spec = await readJobFile(job.path, { set: [], env: {} });
  const reason = new ShardmillError("INTERRUPTED", "stopped by a signal");
  for (const waitMs of [0, 20, 100]) {
    await expect(planJob(spec, { signal: abortAfter(waitMs, reason) })).rejects.toBe(reason);
  }
  expect(await readdir(job.at())).toEqual(["data", "job.yaml", "model.onnx"]);
});

function abortAfter(ms: number, reason: Error): AbortSignal {
  const abort = new AbortController();
  setTimeout(() => abort.abort(reason), ms);
  return abort.signal;
}

async function inodesOf(
  job: KnownJob,
  partials: readonly PartialManifest[],
): Promise<[shard: number, inode: number][]> {
  return Promise.all(
    partials.map(async (partial) => [partial.shard, (await stat(rowsFileOf(job, partial))).ino]),
  );
}
