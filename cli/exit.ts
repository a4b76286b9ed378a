import { ERROR_CODES } from "../shared/core/error-codes.ts";
import { errorToData, toShardmillError } from "../shared/core/errors.ts";
import type { JobStatus } from "../shared/domain/job-status.ts";
import { printText } from "../shared/terminal/print-text.ts";
import { renderError } from "../shared/terminal/render-error.ts";

/** Exits with the error's exit code and prints its message on stderr. `--json` adds JSON on stdout. */
export function exitWithError(error: unknown, options: { readonly json?: boolean } = {}): never {
  const known = toShardmillError(error);
  printText(process.stderr, (style) => renderError(known, style));
  if (known.code === "INTERNAL" || process.env.SHARDMILL_DEBUG !== undefined) {
    // Not the user's error: a developer needs the stack.
    if (process.env.SHARDMILL_DEBUG !== undefined) process.stderr.write(`${stackOf(known)}\n`);
    else process.stderr.write("  (set SHARDMILL_DEBUG=1 to see where this comes from)\n");
  }
  if (options.json) process.stdout.write(`${JSON.stringify({ error: errorToData(known) })}\n`);
  process.exit(ERROR_CODES[known.code].exit);
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by: ${stackOf(error.cause)}` : "";
  return `${error.stack ?? error.message}${cause}`;
}

/**
 * Returns the exit code of an ended job.
 *
 * @param deadLetters exit code of a job that published, but has dead letters
 */
export function exitCodeOf(status: JobStatus, deadLetters: number): number {
  if (status.phase === "published") return status.deadLetters > 0 ? deadLetters : 0;
  return status.failure === null ? 1 : ERROR_CODES[status.failure.code].exit;
}
