import { expect } from "vitest";
import type { ErrorData } from "../../shared/core/errors.ts";
import type { JobFolder } from "./job-folder.ts";
import { WITHOUT_ESTIMATE } from "./plan-options.ts";
import { type CliOptions, type CliResult, runCli } from "./processes.ts";

/** Limit of a refusal, which takes seconds. A run would take minutes, and machines may be 15 times slower. */
const SECONDS = 90;

export interface Failure extends CliResult {
  /** Error on stdout, as `--json` prints it. */
  readonly error: ErrorData;
}

/**
 * Runs a command with `--json` that must fail soon. Expects the error as JSON on stdout and as text on
 * stderr.
 */
export async function failing(args: readonly string[], options: CliOptions = {}): Promise<Failure> {
  const result = await runCli([...args, "--json"], options);
  const said: { readonly error?: ErrorData } = JSON.parse(result.stdout || "{}");
  const { error } = said;
  if (error === undefined)
    throw new Error(`no error: exit ${result.code}\n${result.stdout}\n${result.stderr}`);
  expect(result.stdout.trimEnd().split("\n"), "one JSON object").toHaveLength(1);
  expect(Object.keys(said)).toEqual(["error"]);
  expect(result.stderr).toContain(`(${error.code})`);
  expect(result.stderr, "never a stack").not.toMatch(/^ +at /m);
  expect(result.seconds).toBeLessThan(SECONDS);
  return { ...result, error };
}

/** Like {@link failing}, for a job that is refused before any work. Its output folder must not change. */
export async function refused(
  job: JobFolder,
  args: readonly string[] = ["plan", job.job, ...WITHOUT_ESTIMATE],
  options: CliOptions = {},
): Promise<Failure> {
  const before = await job.outNames();
  const failure = await failing(args, options);
  expect(await job.outNames()).toEqual(before);
  return failure;
}

/**
 * Runs a job that fails while it runs. Expects exit code 1, no output, the error on stderr, and the summary
 * on stdout.
 */
export async function failedRun(job: JobFolder, args: readonly string[] = []): Promise<CliResult> {
  const result = await runCli(["run", job.job, "--workers", "1", "--json", ...args]);
  expect(result.code, result.stderr).toBe(1);
  expect(JSON.parse(result.stdout)).toMatchObject({ state: "failed", manifest: null });
  expect(await job.outNames()).not.toContain("_manifest.json");
  expect(result.stderr, "never a stack").not.toMatch(/^ +at /m);
  expect(result.seconds).toBeLessThan(SECONDS);
  return result;
}
