import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { packageRoot } from "../../../shared/core/package-root.ts";

const run = promisify(execFile);
const compiled = (name: string) => join(packageRoot, "dist", "sim", name);

interface Report {
  readonly seeds: number;
  readonly twice: number;
  readonly fired: Readonly<Record<string, number>>;
  readonly ends: Readonly<Record<string, number>>;
}

/** Enough seeds for every kind of fault to strike. `npm run sim` runs more. */
const SEEDS = 400;

test("hundreds of simulated runs and all regressions keep every promise, and every kind of fault occurs", async () => {
  const { stdout } = await run(process.execPath, [
    compiled("main.js"),
    "--seeds",
    String(SEEDS),
    "--regressions",
    "--json",
  ]);
  const report = JSON.parse(stdout) as Report;
  expect(report.seeds).toBeGreaterThanOrEqual(SEEDS);
  expect(report.twice).toBeGreaterThan(5);
  const never = Object.entries(report.fired).filter(([, times]) => times === 0);
  expect(never).toEqual([]);
  expect(report.ends.published ?? 0).toBeGreaterThan(SEEDS / 2);
}, 900_000);

test.each(["0", "x", "1.5"])("a simulation of %s jobs is refused", async (jobs) => {
  const simulating = run(process.execPath, [compiled("main.js"), "--seeds", "1", "--jobs", jobs]);
  await expect(simulating).rejects.toMatchObject({ code: 2 });
});
