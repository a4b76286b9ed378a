import type { ErrorCode } from "../../shared/core/error-codes.ts";
import { JOB_ERRORS } from "./job-errors.ts";
import { SYSTEM_ERRORS } from "./system-errors.ts";

/** Explanation of an error code, for users. Texts are Markdown. */
export interface ErrorHelp {
  /** Sentence about what happened. */
  readonly what: string;
  /** Usual causes. */
  readonly why: string;
  /** Steps for the user. */
  readonly remedy: string;
}

/** Explanations by section of the reference, and by code. */
export const ERROR_SECTIONS = { ...JOB_ERRORS, ...SYSTEM_ERRORS };

/** Explanations of all codes. The compiler refuses a table without one of them. */
export const ERROR_HELP: Readonly<Record<ErrorCode, ErrorHelp>> = {
  ...JOB_ERRORS["What the user asked for"],
  ...JOB_ERRORS.Input,
  ...JOB_ERRORS["Model and device"],
  ...JOB_ERRORS.Rows,
  ...JOB_ERRORS["Output and job files"],
  ...SYSTEM_ERRORS["Standing coordinators, schedules and queues"],
  ...SYSTEM_ERRORS["Files and stores"],
  ...SYSTEM_ERRORS["Leases and workers"],
  ...SYSTEM_ERRORS.Connections,
  ...SYSTEM_ERRORS.Ends,
};
