import type { ErrorCode } from "../../../shared/core/error-codes.ts";
import { type ErrorData, errorToData } from "../../../shared/core/errors.ts";
import type { JobId } from "../../../shared/domain/job-id.ts";
import type { ServedOutcome } from "../../../shared/domain/served-status.ts";

/** How a run ended that a trigger began, or why it did not begin. */
export interface RunOutcome {
  readonly outcome: ServedOutcome;
  /** Null of one that no job came of. */
  readonly jobId: JobId | null;
  /** Why it failed; null of others. */
  readonly failure: ErrorData | null;
}

/** The outcome of a run that no job came of. */
export function failedRun(error: unknown): RunOutcome {
  return { outcome: "failed", jobId: null, failure: errorToData(error) };
}

/** Describes a failure for people in one line, with the first of its problems. */
export function reasonText({ code, message, problems }: ErrorData): string {
  const [first] = problems;
  const where = first === undefined || first.where === "" ? "" : `${first.where} `;
  return `${code}: ${message}${first === undefined ? "" : `: ${where}${first.what}`}`;
}

/** Errors that say of the files which they name that no other try will read them. */
const OF_FILES = new Set<ErrorCode>(["INPUT_NOT_FOUND", "INPUT_CORRUPT", "INPUT_UNSUPPORTED"]);

/** Lists the input files that no other try will read. They are why the run failed. */
export function unreadableFiles({ code, fields, problems }: ErrorData): ReadonlySet<string> {
  if (!OF_FILES.has(code)) return new Set();
  const { path } = fields;
  return new Set([...(typeof path === "string" ? [path] : []), ...problems.map(({ where }) => where)]);
}
