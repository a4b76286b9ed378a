import type { Options } from "yargs";
import type { RunSource } from "../shared/job-file/read-run.ts";

/** Of commands that run a job once. */
export const atOption = {
  type: "string",
  requiresArg: true,
  defaultDescription: "the last that has come",
  describe: "Which run of a job with a schedule: a time of it, as in 2026-11-28T02:30+01:00, or a run's id",
} as const satisfies Options;

interface RunJobArguments {
  readonly job: string;
  readonly set: readonly string[];
  readonly at?: string | undefined;
}

/**
 * Reads the job file that a command runs once. Of a job with a schedule it is one of its runs: says on stderr
 * which one.
 *
 * @throws {SPEC_INVALID} {ARGUMENT_INVALID}
 */
export async function readRunJob({ job, set, at }: RunJobArguments): Promise<RunSource> {
  const { readRun } = await import("../shared/job-file/read-run.ts");
  const source = await readRun(job, { set, env: process.env, at }, Date.now());
  const { firing, spec } = source;
  if (firing !== null) process.stderr.write(`run ${firing.id} of a schedule, into ${spec.output.path}\n`);
  return source;
}
