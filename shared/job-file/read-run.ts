import { ShardmillError } from "../core/errors.ts";
import { JOB_RUNS } from "../domain/job-runs.ts";
import { type JobSource, type JobTextOptions, parseJobSource, readJobText } from "./read-job-file.ts";

/** A job file as one run of its job. */
export interface RunSource extends JobSource {
  /** `output.path` of the job, which a run of a schedule has its folder in. */
  readonly jobOutput: string;
  /** Id of the run of a schedule. Null: the job has none. */
  readonly runId: string | null;
}

interface RunTextOptions extends JobTextOptions {
  /** Names a run of a schedule. Left out: the last one that has come. */
  readonly at: string | undefined;
}

/**
 * Reads a job file as the run that a command is about: of a job with several runs one of these, of any other
 * job the job itself.
 *
 * @throws {SPEC_INVALID}; {ARGUMENT_INVALID} for an `at` that is no run of the job
 */
export async function readRun(
  path: string,
  options: Omit<RunTextOptions, "path">,
  nowMs: number,
): Promise<RunSource> {
  return parseRun(await readJobText(path), { path, ...options }, nowMs);
}

/**
 * The pure part of `readRun`.
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
      "--at is for a job of several runs, and no extension makes any",
      {
        fields: { option: "at", found: at },
      },
    );
  const source = parse(env);
  return { ...source, runId: null, jobOutput: source.spec.output.path };
}
