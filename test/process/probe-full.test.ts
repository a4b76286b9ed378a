import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect } from "vitest";
import { needs } from "../support/needs.ts";
import { runCli, startCli } from "../support/processes.ts";

/** Temporary folder of the commands, which they must leave empty. */
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-test-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const full = ["probe", "--full", "--device", "cpu", "--short"];

describe("probe --full", () => {
  needs("node-check")("leaves no process and no file behind when a signal stops it in a job", async () => {
    await using cli = startCli(full, { env: { TMPDIR: folder } });
    await cli.saw(/cpu: golden: ok\n/);
    for (let found = ""; !found.includes("job.yaml"); )
      found = (await readdir(folder, { recursive: true })).join("\n");
    cli.kill("SIGINT");
    expect(await cli.ended).toMatchObject({
      code: 130,
      stderr: expect.stringContaining("INTERRUPTED"),
    });
    expect(await readdir(folder)).toEqual([]);
  });

  needs("node-check")("obeys its time limit, and a check that takes most of it has failed", async () => {
    const output = join(folder, "node.json");
    const args = ["--minutes", "0.1", "--output", output, "--json"];
    const { code, stdout } = await runCli([...full, ...args], { env: { TMPDIR: folder } });
    expect(code).toBe(1);
    expect(await readFile(output, "utf8")).toBe(stdout);
    const [report] = JSON.parse(stdout).full;
    const verdicts: string[] = Object.values<{ verdict: string }>(report.checks).map(
      ({ verdict }) => verdict,
    );
    expect(verdicts).toContain("failed");
    // Its worker alone runs longer than that.
    expect(report.checks.restart.verdict).not.toBe("ok");
    expect(report.checks.restart.figures).toEqual({});
    expect(await readdir(folder)).toEqual(["node.json"]);
  });

  needs("node-check")("refuses an existing output before it checks anything", async () => {
    const output = join(folder, "node.json");
    const plain = await runCli(["probe", "-o", output]);
    expect(plain.code).toBe(0);
    const again = await runCli([...full, "-o", output]);
    expect(again).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("already exists") });
    const lost = await runCli([...full, "-o", join(folder, "missing", "node.json")]);
    expect(lost).toMatchObject({ stdout: "", stderr: expect.stringContaining("cannot be written") });
  });
});
