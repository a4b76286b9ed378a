// Runs the engine without extensions. The digits job runs with none at all. The simulator and the engine's
// tests use a stand-in store in memory, with a bucket's addresses (see package.json's conditions).
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, step } from "./step.mjs";

const under = (condition) => ({
  env: { NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ""} --conditions=${condition}` },
});

const folder = mkdtempSync(join(tmpdir(), "shardmill-engine-"));
try {
  console.log("== the digits job, without extensions");
  const job = join(root, "examples", "digits", "job.yaml");
  const output = join(folder, "out");
  const cli = join(root, "dist", "cli", "main.js");
  step(process.execPath, [cli, "run", job, "--set", `output.path=${output}`], under("no-extensions"));
  const { rows } = JSON.parse(readFileSync(join(output, "_manifest.json"), "utf8"));
  if (!(rows.output > 0) || rows.output !== rows.input)
    throw new Error(`rows are missing: ${JSON.stringify(rows)}`);
} finally {
  rmSync(folder, { recursive: true });
}
console.log("== the simulator, with a stand-in store");
step(process.execPath, [join(root, "dist", "sim", "main.js"), "--seeds", "2000"], under("stand-in"));
console.log("== tests of the engine, with a stand-in store");
const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
const projects = ["--project", "test-unit", "--project", "test-machine", "--project", "test-seams"];
step(process.execPath, [vitest, "run", ...projects, "--exclude", "test/extensions/**"], under("stand-in"));
