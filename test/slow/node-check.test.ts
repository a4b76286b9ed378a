import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect } from "vitest";
import { needs } from "../support/needs.ts";
import { runCli } from "../support/processes.ts";

/** Temporary folder of the command, which it must leave empty. */
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-test-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Limit for a busy machine, on which the checks took six minutes. */
const LIMIT_MS = 1_500_000;

needs("node-check", "image")(
  "probe --full --short runs all checks of a CPU: jobs, lanes, smaller batches, and a killed worker",
  async () => {
    const args = ["probe", "--full", "--short", "--device", "cpu", "--minutes", "60", "--json"];
    const { code, stdout, stderr } = await runCli(args, { env: { TMPDIR: folder }, limitMs: LIMIT_MS });
    const [report] = JSON.parse(stdout).full;
    const verdicts = Object.fromEntries(
      Object.entries<{ verdict: string }>(report.checks).map(([check, { verdict }]) => [check, verdict]),
    );
    const [ok, none] = ["ok", "not available"];
    expect(verdicts, stderr).toEqual({
      ...{
        golden: ok,
        digits: ok,
        encoder: ok,
        classifier: ok,
        photographs: ok,
        busy: none,
        placement: none,
      },
      ...{ fp16: none, lanes: ok, halving: ok, restart: ok, mig: none },
    });
    expect(code).toBe(0);
    const { digits, restart, lanes } = report.checks;
    expect(digits.figures.rows).toBeGreaterThan(0);
    expect(digits.figures.loopRowsPerSecond).toBeGreaterThan(0);
    expect(restart.figures.processes).toBe(2);
    if (process.platform === "linux") expect(lanes.figures.twoLanesWorkerMiB).toBeGreaterThan(0);
    expect(await readdir(folder)).toEqual([]);
  },
  LIMIT_MS,
);
