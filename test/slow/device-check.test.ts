import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startMisbehaving } from "../../fault/misbehaving-workers.ts";
import { NEVER } from "../../shared/core/abort.ts";
import type { OutputManifest } from "../../shared/domain/manifest.ts";
import { ask, startListening, startWorker } from "../support/job-processes.ts";
import { expectRightAnswer } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";

/**
 * Workers whose device returns wrong numbers: real processes, with lanes that change one value of each batch.
 */

function startCoordinator(job: KnownJob, args: readonly string[] = []) {
  const command = ["coordinator", job.path, "--listen", "127.0.0.1:0", "--log-level", "warn", ...args];
  return startListening(job, command, { limitMs: 300_000 });
}

const WRONG = { kind: "wrongNumbers" } as const;
const SPEC = { input: { shardRows: 20 }, model: { device: "auto" } };

test("a worker with wrong results is refused with a differing row, and other workers do the job", async () => {
  await using job = await KnownJob.make({ rows: 200, files: 1, rowGroupRows: 20, spec: SPEC });
  const { cli, address } = await startCoordinator(job);
  await using coordinator = cli;
  const wrong = await startMisbehaving(job, WRONG, { coordinator: address, workers: 1 });
  try {
    await cli.saw(/worker refused/);
    const [worker] = await ask(address, ({ workers }) => workers.listWorkers(NEVER));
    expect(worker).toMatchObject({
      device: "webgpu",
      refused: expect.stringMatching(
        /: output \w+: row \d+ of .*part-0000.parquet, value \d+: \S+ instead of \S+$/,
      ),
      leases: 0,
      shardsCommitted: 0,
      excludedForSeconds: null,
    });
    await using healthy = startWorker(job, address);
    expect(await coordinator.ended).toMatchObject({ code: 0 });
    expect(await healthy.ended).toMatchObject({ code: 0 });
  } finally {
    await wrong.stop();
  }
  await expectRightAnswer(job);
  const manifest: OutputManifest = JSON.parse(await readFile(join(job.out, "_manifest.json"), "utf8"));
  expect(manifest.devices).toMatchObject([
    {
      device: "webgpu",
      remembered: false,
      refusal: expect.stringContaining(" instead of "),
      outputs: [{ beyondRows: expect.any(Number), worst: [{ row: expect.any(Number) }, {}, {}, {}, {}] }],
    },
  ]);
});

test("a job whose workers all return wrong results fails before any commit, with the worst row and a hint", async () => {
  await using job = await KnownJob.make({ rows: 200, files: 1, spec: SPEC });
  const { cli, address } = await startCoordinator(job, ["--refused-grace-ms", "500"]);
  await using coordinator = cli;
  const wrong = await startMisbehaving(job, WRONG, { coordinator: address, workers: 2 });
  try {
    const result = await coordinator.ended;
    expect(result).toMatchObject({ code: 1 });
    expect(result.stderr).toMatch(/webgpu on \S+ gives other numbers than the CPU: output \w+: row \d+ of/);
    expect(result.stderr).toContain("DEVICE_WRONG");
    expect(result.stderr).toContain("model.device: cpu");
    expect(result.stdout).toContain("0 of 200 rows done");
  } finally {
    await wrong.stop();
  }
  expect(await readdir(job.out)).toEqual(["_shardmill"]);
});

test("without a check wrong results are accepted", async () => {
  const spec = { ...SPEC, model: { device: "auto", check: { rows: 0 } } };
  await using job = await KnownJob.make({ rows: 40, files: 1, spec });
  const { cli, address } = await startCoordinator(job);
  await using coordinator = cli;
  const wrong = await startMisbehaving(job, WRONG, { coordinator: address, workers: 1 });
  try {
    expect(await coordinator.ended).toMatchObject({ code: 0 });
  } finally {
    await wrong.stop();
  }
});
