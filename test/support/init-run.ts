import { readFile } from "node:fs/promises";
import { expect } from "vitest";
import type { JobFolder } from "./job-folder.ts";
import { WITHOUT_ESTIMATE } from "./plan-options.ts";
import { runCli } from "./processes.ts";

/** Drafts a job with `init`, and plans and runs the draft unchanged. */
export async function initPlanRun(folder: JobFolder, model: string, input: string) {
  const cwd = folder.path;
  const init = await runCli(["init", "--model", model, "--input", input, "-o", "made.yaml"], { cwd });
  expect([init.code, init.stderr]).toEqual([0, ""]);
  expect(init.stdout).toContain("next: shardmill plan made.yaml");
  const plan = await runCli(["plan", "made.yaml", ...WITHOUT_ESTIMATE], { cwd });
  expect([plan.code, plan.stderr]).toEqual([0, ""]);
  const run = await runCli(["run", "made.yaml", "--workers", "1"], { cwd });
  expect(run.code).toBe(0);
  return { yaml: await readFile(folder.at("made.yaml"), "utf8"), out: folder.at("out/rows/*.parquet") };
}
