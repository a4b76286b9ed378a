import type { StepFile } from "../domain/step-binding.ts";
import type { TypeCheck } from "../domain/type-check.ts";

/**
 * Programs that jobs bring along: a key names the user's file. Coordinators and workers run a program only if
 * their operators allow it.
 */
export interface ProgramPart {
  /**
   * Builds the file that workers get and run. The same program gives the same bytes.
   *
   * @param where key that names the program, for errors
   * @throws {STEP_INVALID} with all problems of the program
   */
  make(path: string, where: string, signal: AbortSignal): Promise<StepFile>;
  /**
   * Checks the types of all programs of a job.
   *
   * @throws {STEP_INVALID} with all problems
   */
  checkTypes(programs: readonly NamedProgram[], signal: AbortSignal): Promise<readonly TypeCheck[]>;
}

/** User's file, and the key that names it. */
export interface NamedProgram {
  readonly where: string;
  /** Absolute path, or an address. */
  readonly path: string;
}
