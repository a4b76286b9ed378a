import { readdir, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { startCoordinator as startCoordinatorHere } from "../../coordinator/coordinator.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { systemClock } from "../../shared/core/clock.ts";
import { silentLogger } from "../../shared/core/log.ts";
import { readJobFile } from "../../shared/job-file/read-job-file.ts";
import { TEST_GUARD } from "../support/access.ts";
import { digestsOf, startCoordinator } from "../support/job-processes.ts";
import { expectRightAnswer } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { mlpModel } from "../support/onnx-model.ts";
import { runCli } from "../support/processes.ts";

/** States of the output folder, and the reaction of a run: no work, all work, or a refusal. */

const PUBLISHED = /is (already published|published already)/;

const small = () => KnownJob.make({ rows: 600, files: 1, rowGroupRows: 300 });
const runOf = (job: KnownJob, ...more: string[]) => runCli(["run", job.path, "--workers", "1", ...more], job);

test("running a published job again changes nothing, and --fresh runs it again", async () => {
  await using job = await small();
  expect(await runOf(job)).toMatchObject({ code: 0 });
  const { attempts, job: first } = await expectRightAnswer(job);
  expect(attempts).toBe(2);
  const before = await digestsOf(job.out);

  const again = await runOf(job, "--json");
  expect(again).toMatchObject({ code: 0, stderr: expect.stringMatching(PUBLISHED) });
  expect(JSON.parse(again.stdout)).toMatchObject({
    job: first.id,
    state: "published",
    rows: 600,
    attempts: 2,
  });
  expect(await digestsOf(job.out)).toEqual(before);

  expect(await runOf(job, "--fresh")).toMatchObject({ code: 0 });
  const { job: second } = await expectRightAnswer(job);
  expect(second.id).not.toBe(first.id);
  const { "_manifest.json": _first, ...files } = before;
  expect(await digestsOf(job.out)).toMatchObject(files);
});

test("a changed job is refused over a published output, and the change is reported", async () => {
  await using job = await small();
  expect(await runOf(job)).toMatchObject({ code: 0 });
  const before = await digestsOf(job.out);
  const expectRefused = async (what: string) => {
    const refused = await runOf(job, "--json");
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining(`${what} changed since`) });
    expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: "OUTPUT_OCCUPIED" } });
    expect(await digestsOf(job.out)).toEqual(before);
  };
  await job.writeSpec({ map: { keep: ["id"] }, reduce: {} });
  await expectRefused("the job file");
  await job.writeSpec();
  await writeFile(job.at("model.onnx"), mlpModel({ ...job.model, seed: 4 }));
  await expectRefused("the model");
  await writeFile(job.at("model.onnx"), mlpModel(job.model));
  await job.writeData(1, { rowGroupRows: 77 });
  await expectRefused("the input");
});

test("an unfinished job is not resumed with another model or job file", async () => {
  await using job = await small();
  const { cli } = await startCoordinator(job);
  await using coordinator = cli;
  coordinator.kill("SIGKILL");
  expect(await coordinator.ended).toMatchObject({ signal: "SIGKILL" });
  await writeFile(job.at("model.onnx"), mlpModel({ ...job.model, seed: 4 }));
  const other = await runOf(job, "--set", "map.keep=[id]", "--set", "reduce={}");
  expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining("JOB_MISMATCH") });
  expect(other.stderr).toContain("the job file and the model changed since");
  await writeFile(job.at("model.onnx"), mlpModel(job.model));
  expect(await runOf(job)).toMatchObject({
    code: 0,
    stderr: expect.stringContaining("resumes after an interruption"),
  });
  await expectRightAnswer(job);
});

test("work files of a killed coordinator are removed after the job is published", async () => {
  await using job = await small();
  expect(await runOf(job)).toMatchObject({ code: 0 });
  await job.write(
    "out/_shardmill/journal/leftover",
    "of a coordinator that was killed just after it published",
  );
  expect(await runOf(job)).toMatchObject({ code: 0, stderr: expect.stringMatching(PUBLISHED) });
  await expectRightAnswer(job);
});

test("a job that another coordinator publishes while planning is not run again", async () => {
  await using job = await small();
  const coordinator = await startCoordinatorHere({
    listen: "127.0.0.1:0",
    guard: TEST_GUARD,
    clock: systemClock,
    log: silentLogger,
  });
  try {
    const spec = await readJobFile(job.path, { set: [], env: {} });
    const beforeWork = async () => expect(await runOf(job)).toMatchObject({ code: 0 });
    const handle = await coordinator.submit(spec, { fresh: false, beforeWork, signal: NEVER });
    expect(handle.origin).toEqual({ kind: "published" });
    expect(await handle.ended).toMatchObject({ phase: "published", rowsCommitted: 600 });
  } finally {
    await coordinator.close();
  }
  await expectRightAnswer(job);
});

test("other files in the output folder are never changed", async () => {
  await using job = await small();
  await job.write("out/thesis.txt", "three years of work");
  for (const flags of [[], ["--fresh"]]) {
    expect(await runOf(job, ...flags)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("thesis.txt"),
    });
  }
  expect(await readdir(job.out)).toEqual(["thesis.txt"]);
});
