import { ShardmillError } from "../../../shared/core/errors.ts";

/** Place in a log, and what is wrong with it. */
interface LogFault {
  /** File or folder. */
  readonly path: string;
  /** Place in it: `line 3`. */
  readonly where: string;
  readonly expected: string;
  readonly found: string;
  readonly cause?: unknown;
}

/** Returns the error for a log that violates the protocol of Delta tables. */
export function logCorrupt({ path, where, expected, found, cause }: LogFault): ShardmillError {
  const hint = "repair the table with the tools that write it, or read an earlier version with input.delta";
  return new ShardmillError("INPUT_CORRUPT", `${path} is corrupt in its ${where}: ${found}`, {
    fields: { path, where, expected, found },
    problems: [{ where: path, what: `corrupt in its ${where}`, expected, found }],
    hint,
    cause,
  });
}

/** Shows a value of a log in a message, cut to a length that a line has room for. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length <= 200 ? text : `${text.slice(0, 200)}...`;
}
