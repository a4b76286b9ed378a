import { ShardmillError } from "../core/errors.ts";
import { JOB_RUNS } from "../domain/job-runs.ts";
import { type JobSource, type JobTextOptions, parseJobSource, readJobText } from "./read-job-file.ts";

/** Job file as one run of its job. */
export interface RunSource extends JobSource {
  /** Folder `output.path` of the job, which contains the folders of scheduled runs. */
  readonly jobOutput: string;
  /** Id of a scheduled run. Null: the job has no schedule. */
  readonly runId: string | null;
}

interface RunTextOptions extends JobTextOptions {
  /** Scheduled run to read. Default: the latest one that is due. */
  readonly at: string | undefined;
}

/**
 * Reads a job file as the run that a command concerns. A job with several runs gives one of them, any other
 * job itself.
 *
 * @throws {SPEC_INVALID} as `readJobFile`
 * @throws {ARGUMENT_INVALID} when `at` is not a run of the job
 */
export async function readRun(
  path: string,
  options: Omit<RunTextOptions, "path">,
  nowMs: number,
): Promise<RunSource> {
  return parseRun(await readJobText(path), { path, ...options }, nowMs);
}

/**
 * Parses the text of a job file, like `readRun`.
 *
 * @throws {SPEC_INVALID} {ARGUMENT_INVALID} as `readRun`
 */
export function parseRun(text: string, { at, ...options }: RunTextOptions, nowMs: number): RunSource {
  const parse = (env: NodeJS.ProcessEnv) => parseJobSource(text, { ...options, env });
  const { env } = options;
  if (JOB_RUNS !== null) return JOB_RUNS.readRun({ text, parse, env, at, nowMs });
  if (at !== undefined)
    throw new ShardmillError(
      "ARGUMENT_INVALID",
      "--at is for a job of several runs, and no extension here supports such jobs",
      {
        fields: { option: "at", found: at },
      },
    );
  const source = parse(env);
  return { ...source, runId: null, jobOutput: source.spec.output.path };
}
