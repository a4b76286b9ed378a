import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { faultEnvironment } from "../../fault/crash-bench.ts";
import { expectRightAnswer } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { WITHOUT_ESTIMATE } from "../support/plan-options.ts";
import { runCli } from "../support/processes.ts";

/**
 * A job that publishes below its input folder. Neither its own output nor that of others is part of its
 * input.
 */

const aJob = () =>
  KnownJob.make({
    rows: 600,
    files: 2,
    rowGroupRows: 300,
    spec: { input: { path: "." }, output: { path: "./out" } },
  });
const runOf = (job: KnownJob, ...more: string[]) => runCli(["run", job.path, "--workers", "1", ...more], job);

test("a job that publishes below its input resumes and runs again without reading its own output", async () => {
  await using job = await aJob();
  const plan = {
    at: 1,
    what: "files",
    under: join(job.out, "_manifest.json"),
    report: join(job.folder, "lost"),
  } as const;
  const killed = await runCli(["run", job.path, "--workers", "1"], {
    env: { ...job.env, ...faultEnvironment("disk", plan) },
  });
  expect(killed).toMatchObject({ signal: "SIGKILL" });
  expect((await readdir(job.out)).sort()).toEqual(["_reduced", "_shardmill", "rows"]);

  const resumed = await runOf(job);
  expect(resumed).toMatchObject({
    code: 0,
    stderr: expect.stringContaining("resumes after an interruption"),
  });
  expect(resumed.stderr).toContain(`excluded from the input: 1 output of a job (${job.out})`);
  await expectRightAnswer(job);

  expect(await runOf(job)).toMatchObject({ code: 0, stderr: expect.stringContaining("published already") });
  expect(await runOf(job, "--fresh")).toMatchObject({ code: 0 });
  await expectRightAnswer(job);

  const second = await runOf(job, "--set", "output.path=./out-2", "--json");
  expect(JSON.parse(second.stdout)).toMatchObject({ state: "published", rows: 600 });
  const planned = await runCli(["plan", job.path, ...WITHOUT_ESTIMATE, "--json"], job);
  expect(JSON.parse(planned.stdout).skippedFiles).toEqual([
    { reason: "jobOutput", count: 2, examples: [job.out, job.at("out-2")] },
    { reason: "otherEnding", count: 2, examples: [job.path, job.at("model.onnx")] },
  ]);
  const text = await runCli(["plan", job.path, ...WITHOUT_ESTIMATE], job);
  expect(text.stdout).toContain(`excluded      2 outputs of jobs (${job.out}, ${job.at("out-2")})`);
});
