import { type Problem, ShardmillError } from "../core/errors.ts";

/** Makes the error for an invalid program. @param where key path of the program: `reduce.words` */
export function stepInvalid(where: string, problems: readonly Problem[], cause?: unknown): ShardmillError {
  const count = problems.length === 1 ? "a problem" : `${problems.length} problems`;
  return new ShardmillError("STEP_INVALID", `the code of ${where} has ${count}`, {
    fields: { where },
    problems,
    ...(cause === undefined ? {} : { cause }),
  });
}
