import { ERROR_CODES } from "../../shared/core/error-codes.ts";
import { isShardmillError, ShardmillError, toShardmillError } from "../../shared/core/errors.ts";

/** Returns all results. If several parts fail, throws one error with all their problems. */
export async function allOrEveryProblem<const T extends readonly [unknown, ...unknown[]]>(
  parts: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const settled = await Promise.allSettled(parts);
  const errors = settled.flatMap((result) =>
    result.status === "rejected" ? [result.reason as unknown] : [],
  );
  if (errors.length === 0) return await Promise.all(parts);
  const [only, ...more] = errors;
  if (more.length === 0 || errors.some((error) => !isShardmillError(error))) throw only;
  throw joined(errors.map(toShardmillError));
}

function joined(errors: readonly ShardmillError[]): ShardmillError {
  const problems = errors.flatMap((error) =>
    error.problems.length > 0
      ? error.problems
      : [
          {
            where: whereOf(error),
            what: error.message,
            ...(error.hint === undefined ? {} : { hint: error.hint }),
          },
        ],
  );
  // A mistake of the user takes precedence over a failure that may pass.
  const lasting = errors.find(({ code }) => ERROR_CODES[code].exit === 2) ?? errors[0];
  return new ShardmillError(
    lasting?.code ?? "SPEC_INVALID",
    "the job cannot run until these problems are fixed",
    {
      problems,
    },
  );
}

function whereOf(error: ShardmillError): string {
  const { path } = error.fields;
  return typeof path === "string" ? path : error.code;
}
