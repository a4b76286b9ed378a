import { readdir } from "node:fs/promises";
import { expect, test } from "vitest";
import { expectRightAnswer } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { type CliResult, runCli } from "../support/processes.ts";
import { hasSwiftShader, SWIFTSHADER } from "../support/swift-shader.ts";

/**
 * Jobs that need a device. They get it, or an error that names what is missing, before anything is written.
 */

const NO_DRIVER = { VK_DRIVER_FILES: "/nonexistent.json", VK_ICD_FILENAMES: "/nonexistent.json" };

function runOf(job: KnownJob, env: Readonly<Record<string, string>>): Promise<CliResult> {
  return runCli(["run", job.path, "--workers", "1", "--json"], { env: { ...job.env, ...env } });
}

async function expectRefused(job: KnownJob, env: Readonly<Record<string, string>>): Promise<void> {
  const refused = await runOf(job, env);
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("hint: ") });
  expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: "DEVICE_UNAVAILABLE" } });
  expect(await readdir(job.at())).not.toContain("out");
  expect(await readdir(job.tmp)).toEqual([]);
}

test("CUDA without a GPU is refused with a hint, and nothing is written", async () => {
  await using job = await KnownJob.make({ rows: 10, spec: { model: { device: "cuda" } } });
  await expectRefused(job, { CUDA_VISIBLE_DEVICES: "" });
});

test("WebGPU gives the CPU's answer with a driver, and is refused without one", async () => {
  await using job = await KnownJob.make({ rows: 600, spec: { model: { device: "webgpu" } } });
  // Only Linux finds drivers by these variables. Elsewhere the system's own driver answers.
  if (process.platform === "linux") await expectRefused(job, NO_DRIVER);
  if (process.platform === "linux" && !hasSwiftShader()) return;
  expect(await runOf(job, { VK_DRIVER_FILES: SWIFTSHADER })).toMatchObject({ code: 0 });
  await expectRightAnswer(job, { tolerance: 1e-4 });
});
