import type { Options } from "yargs";
import { EXTENSIONS } from "#extensions";
import type { RunSource } from "../shared/job-file/read-run.ts";

const [runs] = EXTENSIONS.flatMap((extension) => extension.runs ?? []);

const atOption = {
  type: "string",
  requiresArg: true,
  defaultDescription: runs?.at.usual,
  describe: runs?.at.says,
} as const satisfies Options;

/**
 * Option of commands that run a job once, if an extension makes several runs of a job. Without such an
 * extension, there is no option and its value is undefined, despite its type.
 */
export const atOptions = (runs === undefined ? {} : { at: atOption }) as { readonly at: typeof atOption };

interface RunJobArguments {
  readonly job: string;
  readonly set: readonly string[];
  readonly at?: string | undefined;
}

/**
 * Reads the job file that a command runs once. For a job with a schedule, selects one run and names it on
 * stderr.
 *
 * @throws {SPEC_INVALID} {ARGUMENT_INVALID}
 */
export async function readRunJob({ job, set, at }: RunJobArguments): Promise<RunSource> {
  const { readRun } = await import("../shared/job-file/read-run.ts");
  const source = await readRun(job, { set, env: process.env, at }, Date.now());
  const { runId, spec } = source;
  if (runId !== null) process.stderr.write(`run ${runId} of a schedule, into ${spec.output.path}\n`);
  return source;
}
