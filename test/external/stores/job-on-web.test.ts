import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import { expectRightAnswer } from "../../support/known-answer.ts";
import { KnownJob } from "../../support/known-job.ts";
import { WITHOUT_ESTIMATE } from "../../support/plan-options.ts";
import { runCli } from "../../support/processes.ts";

/** A job whose input is on a third-party web server without ranges: Python's. */

let job: KnownJob;
let server: ChildProcess;
let url: string;
beforeAll(async () => {
  job = await KnownJob.make({ rows: 12_000, files: 2 });
  const args = ["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", job.at("data")];
  server = spawn("python3", args, { stdio: ["ignore", "pipe", "ignore"] });
  const [line] = await once(server.stdout ?? process.stdin, "data");
  url = /\((http:\/\/[\d.:]+)\/\)/.exec(String(line))?.[1] ?? "";
});
afterAll(async () => {
  server.kill("SIGKILL");
  await job[Symbol.asyncDispose]();
});

test("a job reads files of a server without ranges by address and by list, and refuses an invalid list", async () => {
  await job.write("data/web.txt", `${url}/part-0000.parquet\n${url}/part-0001.parquet\n`);
  await job.write("mixed.txt", `data/part-0000.parquet # no comment\n`);
  for (const path of [
    [`${url}/part-0000.parquet`, `${url}/part-0001.parquet`],
    [`${url}/web.txt`],
    ["./data/part-0000.parquet", `${url}/part-0001.parquet?download=1`],
  ]) {
    await job.writeSpec({ input: { path } });
    const run = await runCli(["run", job.path, "--workers", "1", "--fresh"], {
      env: job.env,
      limitMs: 180_000,
    });
    expect(run, run.stderr).toMatchObject({ code: 0 });
    await expectRightAnswer(job);
  }
  await job.writeSpec({ input: { path: "./mixed.txt" } });
  const refused = await runCli(["plan", job.path, ...WITHOUT_ESTIMATE], { env: job.env, limitMs: 300_000 });
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain("mixed.txt line 1");
}, 480_000);
