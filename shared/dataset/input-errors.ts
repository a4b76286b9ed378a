import { ShardmillError } from "../core/errors.ts";

interface CorruptFacts {
  readonly path: string;
  /** The place in the file: `footer`, `row group 3`, `record batch 0`. */
  readonly where: string;
  readonly expected: string;
  readonly found: string;
  readonly cause?: unknown;
  /**
   * A decoder broke on it: whatever it had decoded is suspect, and so is its thread until the decoder is
   * replaced.
   */
  readonly poisoned?: boolean;
}

/** A file whose bytes are not what its format says. */
export function inputCorrupt(facts: CorruptFacts): ShardmillError {
  const { path, where, expected, found, cause, poisoned } = facts;
  return new ShardmillError("INPUT_CORRUPT", `${path} is corrupt in its ${where}: ${found}`, {
    fields: { path, where, expected, found, ...(poisoned === true ? { poisoned } : {}) },
    problems: [{ where: path, what: `corrupt in its ${where}`, expected, found }],
    hint: "write the file again, or leave it out of input.path",
    cause,
  });
}

/** A valid file that uses what the reader lacks. */
export function inputUnsupported(path: string, what: string, hint: string): ShardmillError {
  return new ShardmillError("INPUT_UNSUPPORTED", `${path} uses ${what}, which is not supported`, {
    fields: { path, what },
    problems: [{ where: path, what: `uses ${what}`, hint }],
    hint,
  });
}

/** True when a decoder broke on the file: its owner may want to replace the thread. */
export function isPoisoned(error: unknown): boolean {
  return error instanceof ShardmillError && error.fields.poisoned === true;
}
