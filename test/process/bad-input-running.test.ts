import { readFile, rm, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { JobFolder, numberedRows, WIDTH } from "../support/job-folder.ts";
import { mlpModel } from "../support/onnx-model.ts";
import { type CliResult, startCli } from "../support/processes.ts";
import { failedRun } from "../support/refusals.ts";

let job: JobFolder;
beforeEach(async () => {
  job = await JobFolder.make();
});
afterEach(() => job[Symbol.asyncDispose]());

test("a corrupt page, which only a worker detects, fails the job and names the file", async () => {
  const path = job.at("data/part-1.parquet");
  const bytes = await readFile(path);
  const footerBytes = bytes.readUInt32LE(bytes.length - 8) + 8;
  const dataBytes = bytes.length - footerBytes;
  bytes.fill(0xff, Math.floor(dataBytes * 0.4), Math.floor(dataBytes * 0.6));
  await writeFile(path, bytes);
  const { stderr } = await failedRun(job);
  expect(stderr).toMatch(
    new RegExp(`^error: ${path} is corrupt in its row group \\d: .+ \\(INPUT_CORRUPT\\)$`, "m"),
  );
  expect(stderr).toMatch(new RegExp(`^  where +rows \\d+ to \\d+ of ${path} \\(shard \\d\\), on \\S+$`, "m"));
  expect(stderr).toContain("hint: write the file again, or exclude it from input.path");
});

/**
 * Plans the job, damages its files by `harm`, and then starts a worker. Both processes must end without help.
 */
async function harmedAfterPlan(harm: () => Promise<unknown>): Promise<CliResult> {
  const coordinator = ["coordinator", job.job, "--listen", "127.0.0.1:0", "--json", "--log-level", "error"];
  await using serving = startCli(coordinator);
  const [, address = ""] = await serving.saw(/coordinator on (\S+)\n/);
  await harm();
  await using working = startCli(["worker", "--coordinator", address, "--device", "cpu", "--workers", "1"]);
  const result = await serving.ended;
  expect((await working.ended).code).toBe(0);
  expect(result.code).toBe(1);
  expect(JSON.parse(result.stdout)).toMatchObject({ state: "failed", manifest: null });
  expect(await job.outNames()).not.toContain("_manifest.json");
  return result;
}

describe("a file that changes between plan and work", () => {
  test("a rewritten input file fails the job and is named", async () => {
    const path = job.at("data/part-0.parquet");
    const { stderr } = await harmedAfterPlan(() =>
      job.writeData("data/part-0.parquet", numberedRows(7, 150)),
    );
    expect(stderr).toMatch(new RegExp(`^error: ${path} .+ \\(INPUT_CHANGED\\)$`, "m"));
    expect(stderr).toContain("--fresh");
  });

  test("a removed input file fails the job and is named", async () => {
    const path = job.at("data/part-0.parquet");
    const { stderr } = await harmedAfterPlan(() => rm(path));
    expect(stderr).toMatch(new RegExp(`^error: ${path} .+ \\(INPUT_CHANGED\\)$`, "m"));
    expect(stderr).toContain("it was removed");
  });

  test("a rewritten model fails the job and is named", async () => {
    const other = mlpModel({ inputs: WIDTH, hidden: 8, outputs: 3, seed: 2 });
    const { stderr } = await harmedAfterPlan(() => job.write("model.onnx", other));
    expect(stderr).toMatch(/^error: .+ \(MODEL_CHANGED\)$/m);
    expect(stderr).toContain(job.at("model.onnx"));
    expect(stderr).toContain("--fresh");
  });
});
