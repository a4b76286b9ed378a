import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { packageRoot } from "../../../shared/core/package-root.ts";
import { Exploration, seedOfCommit } from "../../../sim/explore.ts";
import type { SeedResult } from "../../../sim/simulate.ts";

const RESULT: SeedResult = {
  seed: 7,
  jobs: 1,
  storage: "disk",
  tasks: false,
  end: null,
  violation: { law: "one-holder", message: "two hold it" },
  fired: {} as SeedResult["fired"],
  steps: 1,
  simulatedMs: 1,
  trace: 1,
  log: [],
};

test("a commit has its own constant seed, above the seeds that run by number", () => {
  const seeds = ["a", "b", "c"].map(seedOfCommit);
  expect(new Set(seeds).size).toBe(3);
  expect(seedOfCommit("a")).toBe(seeds[0]);
  for (const seed of seeds) expect(Number.isSafeInteger(seed) && seed >= 100_000_000).toBe(true);
});

test("a new violation is distinguished from a listed one", () => {
  const { seed, jobs, storage } = RESULT;
  const exploration = new Exploration([{ seed, jobs, storage, law: "one-holder", why: "to be mended" }]);
  expect(exploration.found(RESULT)).toEqual(["seed 7 breaks one-holder: two hold it (known: to be mended)"]);
  expect(exploration.found({ ...RESULT, seed: 8 })).toEqual(["seed 8 breaks one-holder: two hold it"]);
  expect(exploration.summary()).toContain("1 new violations, 1 known violations found again, 1 listed");
});

test("exploring from the commit succeeds with a summary", async () => {
  const main = join(packageRoot, "dist", "sim", "main.js");
  const { stdout } = await promisify(execFile)(process.execPath, [
    main,
    ...["--explore", "--from-commit", "--seeds", "2", "--processes", "1"],
  ]);
  expect(stdout).toContain("explored: ");
}, 120_000);
