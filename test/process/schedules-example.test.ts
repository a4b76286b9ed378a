import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { packageRoot } from "../../shared/core/package-root.ts";
import { runCli } from "../support/processes.ts";

const example = (name: string) => join(packageRoot, "examples", "schedules", name);

it("serve accepts the example's jobs, and the nightly job runs by hand as the run of a given time", async () => {
  const checked = await runCli(["serve", example(""), "--check"]);
  expect(checked, checked.stderr).toMatchObject({ code: 0 });
  expect(checked.stdout).toMatch(/inbox-digits +when there are new files/);
  expect(checked.stdout).toMatch(/nightly-digits +\d{4}-\d\d-\d\dT02:30:00\+0[12]:00/);

  const folder = await mkdtemp(join(tmpdir(), "shardmill-schedules-"));
  try {
    const at = ["--at", "2026-03-29T03:00+02:00", "--set", `output.path=${folder}/out`];
    const run = await runCli(["run", example("nightly.yaml"), "--workers", "1", "--json", ...at]);
    expect(run, run.stderr).toMatchObject({ code: 0 });
    expect(JSON.parse(run.stdout)).toMatchObject({ output: join(folder, "out", "run=20260329T010000Z") });
    const again = await runCli(["run", example("nightly.yaml"), "--workers", "1", ...at]);
    expect(again).toMatchObject({ code: 0, stderr: expect.stringContaining("is published already") });
    const listed = await runCli(["runs", example("nightly.yaml"), "--json", ...at.slice(2)]);
    expect(JSON.parse(listed.stdout)).toMatchObject({
      runs: [{ id: "20260329T010000Z", state: "published", rows: 10_000 }],
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});
