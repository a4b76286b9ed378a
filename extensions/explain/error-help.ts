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

type Explained = { [Section in keyof typeof ERROR_SECTIONS]: keyof (typeof ERROR_SECTIONS)[Section] };

/** Explanations of all codes. The compiler misses none. */
export const ERROR_HELP: Readonly<Record<ErrorCode, ErrorHelp>> = Object.assign(
  {},
  ...Object.values(ERROR_SECTIONS),
) satisfies Readonly<Record<Explained[keyof Explained], ErrorHelp>>;
