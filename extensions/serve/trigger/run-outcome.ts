import type { ErrorCode } from "../../../shared/core/error-codes.ts";
import { type ErrorData, errorToData } from "../../../shared/core/errors.ts";
import type { JobId } from "../../../shared/domain/job-id.ts";
import type { ServedOutcome } from "../../../shared/domain/served-status.ts";

/** Outcome of a run that a trigger began, or tried to begin. */
export interface RunOutcome {
  readonly outcome: ServedOutcome;
  /** Null: no job was created. */
  readonly jobId: JobId | null;
  /** Failure of the run. Null: it did not fail. */
  readonly failure: ErrorData | null;
}

/** Outcome that is durable, although the files of the run may not be released yet. */
export interface DecidedRun extends RunOutcome {
  /** Resolves when the files of the run are released. Never rejects. */
  readonly released: Promise<void>;
}

/** Returns the outcome of a run without a job. */
export function failedRun(error: unknown): RunOutcome {
  return { outcome: "failed", jobId: null, failure: errorToData(error) };
}

/** Describes a failure in one line for people, with its first problem. */
export function reasonText({ code, message, problems }: ErrorData): string {
  const [first] = problems;
  const where = first === undefined || first.where === "" ? "" : `${first.where} `;
  return `${code}: ${message}${first === undefined ? "" : `: ${where}${first.what}`}`;
}

/** Error codes that name input files which a retry cannot read. */
const OF_FILES = new Set<ErrorCode>(["INPUT_NOT_FOUND", "INPUT_CORRUPT", "INPUT_UNSUPPORTED"]);

/** Returns the input files that made a run fail, and that a retry cannot read. */
export function unreadableFiles({ code, fields, problems }: ErrorData): ReadonlySet<string> {
  if (!OF_FILES.has(code)) return new Set();
  const { path } = fields;
  return new Set([...(typeof path === "string" ? [path] : []), ...problems.map(({ where }) => where)]);
}
