import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { packageRoot } from "../../shared/core/package-root.ts";

const run = promisify(execFile);

/** A part of `npm run sim:mutants`. */
test("the simulation detects planted bugs", async () => {
  const names = ["acknowledge-before-fsync", "no-lock", "truncated-lost-at-resume"];
  const only = names.flatMap((name) => ["--only", name]);
  const { stdout } = await run(process.execPath, [
    join(packageRoot, "dist", "sim", "mutants.js"),
    "--seeds",
    "300",
    ...only,
  ]);
  expect(stdout).toContain(`${names.length} of ${names.length} planted bugs were found`);
}, 600_000);
