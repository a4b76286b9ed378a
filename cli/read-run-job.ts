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
 * Option of commands that run a job once, where an extension makes several runs of a job. Elsewhere the
 * option is not there, and its value is undefined, as the compiler thinks.
 */
export const atOptions = (runs === undefined ? {} : { at: atOption }) as { readonly at: typeof atOption };

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
  const { runId, spec } = source;
  if (runId !== null) process.stderr.write(`run ${runId} of a schedule, into ${spec.output.path}\n`);
  return source;
}
