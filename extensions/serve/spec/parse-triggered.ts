import { type JobTextOptions, parseJobSource } from "../../../shared/job-file/read-job-file.ts";
import { type TriggeredSource, triggeredSource } from "./triggered-source.ts";

/**
 * Reads the text of a job file that may have a trigger. What a schedule's runs have of their own
 * (`RUN_DATE`, and so on) is filled in as it was at its last instant.
 *
 * @throws {SPEC_INVALID}
 */
export function parseTriggered(
  text: string,
  { env, ...options }: JobTextOptions,
  nowMs: number,
): TriggeredSource {
  const parse = (variables: NodeJS.ProcessEnv) => parseJobSource(text, { ...options, env: variables });
  return triggeredSource({ text, parse, env, nowMs });
}
