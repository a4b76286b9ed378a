import { isShardmillError, type Problem } from "../../../../shared/core/errors.ts";
import type { JobSpec } from "../../../../shared/domain/job-spec.ts";
import { parseJobText } from "../../../../shared/job-file/read-job-file.ts";

export interface JobTextParts {
  readonly map?: string;
  readonly rest?: string;
  readonly set?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** Returns the smallest job, with a `map` and more below it. */
export function aJobText({ map = "", rest = "" }: JobTextParts = {}): string {
  const mapText = map === "" ? "" : `map:\n${map.replace(/^(?=.)/gm, "  ")}\n`;
  return `input: { path: data.parquet }\nmodel: { path: model.onnx }\noutput: { path: out }\n${mapText}${rest}`;
}

export function parse(text: string, { set = [], env = {} }: JobTextParts = {}): JobSpec {
  return parseJobText(text, { path: "/jobs/digits/job.yaml", set, env });
}

export function parseJob(parts: JobTextParts): JobSpec {
  return parse(aJobText(parts), parts);
}

/** Returns the problems of a job text. Throws when there is none. */
export function problemsOf(text: string, parts: JobTextParts = {}): readonly Problem[] {
  try {
    parse(text, parts);
  } catch (error) {
    if (isShardmillError(error, "SPEC_INVALID")) return error.problems;
    throw error;
  }
  throw new Error("the job has no problem");
}

export function problemsOfJob(parts: JobTextParts): readonly Problem[] {
  return problemsOf(aJobText(parts), parts);
}
