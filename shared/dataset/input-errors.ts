import { ShardmillError } from "../core/errors.ts";

interface CorruptFacts {
  readonly path: string;
  /** Place in the file: `footer`, `row group 3`, `record batch 0`. */
  readonly where: string;
  readonly expected: string;
  readonly found: string;
  readonly cause?: unknown;
  /**
   * True when a decoder failed on the file. The decoder's output is suspect, and so is its thread until the
   * decoder is replaced.
   */
  readonly poisoned?: boolean;
}

/** Returns the error for a file whose bytes violate its format. */
export function inputCorrupt(facts: CorruptFacts): ShardmillError {
  const { path, where, expected, found, cause, poisoned } = facts;
  return new ShardmillError("INPUT_CORRUPT", `${path} is corrupt in its ${where}: ${found}`, {
    fields: { path, where, expected, found, ...(poisoned === true ? { poisoned } : {}) },
    problems: [{ where: path, what: `corrupt in its ${where}`, expected, found }],
    hint: "write the file again, or exclude it from input.path",
    cause,
  });
}

/** Returns the error for a valid file that uses a feature which the reader lacks. */
export function inputUnsupported(path: string, what: string, hint: string): ShardmillError {
  return new ShardmillError("INPUT_UNSUPPORTED", `${path} uses ${what}, which is not supported`, {
    fields: { path, what },
    problems: [{ where: path, what: `uses ${what}`, hint }],
    hint,
  });
}

/** Checks whether a decoder failed on the file. If so, its owner may replace the thread. */
export function isPoisoned(error: unknown): boolean {
  return error instanceof ShardmillError && error.fields.poisoned === true;
}
