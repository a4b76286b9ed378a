import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Estimate } from "../../extensions/estimate/estimate-job.ts";
import { KnownJob } from "../support/known-job.ts";
import { runCli } from "../support/processes.ts";

let job: KnownJob;
beforeAll(async () => {
  job = await KnownJob.make({ rows: 4_000, rowGroupRows: 500 });
});
afterAll(() => job[Symbol.asyncDispose]());

describe("an estimate", () => {
  test("has time, memory, cost and stages, and leaves no file", async () => {
    const args = ["--json", "--nodes", "2", "--price-per-hour", "3600", "--estimate-seconds", "1"];
    const { code, stdout } = await runCli(["plan", job.path, ...args], job);
    expect(code).toBe(0);
    const estimate: Estimate = JSON.parse(stdout).estimate;
    expect(estimate).toMatchObject({ nodes: 2, workers: 1, device: "cpu" });
    expect(estimate.rowsPerSecond).toBeGreaterThan(0);
    expect(estimate.sampleRows).toBeGreaterThan(0);
    expect(estimate.seconds).toBeGreaterThan(estimate.startSeconds + estimate.finishSeconds);
    expect(estimate.startSeconds).toBeGreaterThan(0);
    // Two machines at 3,600 an hour cost two a second.
    expect(estimate.cost).toBeCloseTo(2 * estimate.seconds, 6);
    expect(estimate.memory.workerBytes).toBeGreaterThan(50 << 20);
    expect(estimate.memory.coordinatorBytes).toBeGreaterThan(50 << 20);
    expect(estimate.verdict.stages).toHaveProperty("infer");
    expect(existsSync(job.out)).toBe(false);
    expect(await readdir(job.tmp)).toEqual([]);
  });

  test("uses as many workers as a run", async () => {
    const args = ["--workers", "2", "--estimate-seconds", "1"];
    const { code, stdout } = await runCli(["plan", job.path, ...args], job);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {2}speed .* \(cpu, 2 workers with \d+ lanes?\), measured on [\d,]+ rows$/m);
    expect(stdout).not.toMatch(/^ {2}cost /m);
  });
});
