import { expect, test } from "vitest";
import { BOTTLENECKS } from "../../shared/domain/bottleneck.ts";
import { readManifestOf } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { runCli } from "../support/processes.ts";

test("a run's summary and manifest have the same known bottleneck or none, and the share of each stage", async () => {
  await using job = await KnownJob.make({ rows: 4_000, rowGroupRows: 500 });
  const { code, stdout } = await runCli(["run", job.path, "--workers", "1", "--json"], job);
  expect(code).toBe(0);
  const summary = JSON.parse(stdout);
  // So short a run is mostly start-up, but the share depends on the machine.
  expect([...BOTTLENECKS, null]).toContain(summary.bottleneck);
  expect(summary.advice === null).toBe(summary.bottleneck === null);
  const manifest = await readManifestOf(job);
  expect(manifest.bottleneck).toBe(summary.bottleneck);
  // Reported with the first shard, because the run ends before the next heartbeat.
  expect(Object.keys(manifest.stages)).toEqual(expect.arrayContaining(["decode", "infer", "encode"]));
  for (const share of Object.values(manifest.stages)) expect(share).toBeLessThanOrEqual(1);
  expect(manifest.stages.infer).toBeGreaterThan(0);
});
