import { type JobTextOptions, parseJobSource } from "../../../shared/job-file/read-job-file.ts";
import { type TriggeredSource, triggeredSource } from "./triggered-source.ts";

/**
 * Parses a job file that may have a trigger. Variables of scheduled runs (`RUN_DATE` etc.) have the values of
 * the last instant.
 *
 * @throws {SPEC_INVALID} when the job file is invalid
 */
export function parseTriggered(
  text: string,
  { env, ...options }: JobTextOptions,
  nowMs: number,
): TriggeredSource {
  const parse = (variables: NodeJS.ProcessEnv) => parseJobSource(text, { ...options, env: variables });
  return triggeredSource({ text, parse, env, nowMs });
}
