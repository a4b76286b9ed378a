import { type Problem, ShardmillError } from "../../shared/core/errors.ts";
import type { Location } from "../../shared/domain/location.ts";

/** Place in the log or the metadata of a table, and what is wrong with it. */
export interface TableFault {
  /** File or folder. */
  readonly path: string;
  /** Place in it: `line 3`, `snapshots.3`. */
  readonly where: string;
  readonly expected: string;
  readonly found: string;
  readonly cause?: unknown;
}

/**
 * Returns the error for a table that violates its specification.
 *
 * @param key options of the table: `input.delta`
 */
export function tableFault({ path, where, expected, found, cause }: TableFault, key: string): ShardmillError {
  const hint = `repair the table with the tools that write it, or read an earlier state with ${key}`;
  return new ShardmillError("INPUT_CORRUPT", `${path} is corrupt in its ${where}: ${found}`, {
    fields: { path, where, expected, found },
    problems: [{ where: path, what: `corrupt in its ${where}`, expected, found }],
    hint,
    cause,
  });
}

/** Returns the error for options that do not fit the table. */
export function optionsInvalid(problem: Problem): ShardmillError {
  return new ShardmillError("SPEC_INVALID", `${problem.where} ${problem.what}`, { problems: [problem] });
}

/**
 * Returns the error for a planned file that is gone.
 *
 * @param state state of the table that has the file: `version 3 of its Delta table`
 */
export function fileGone(path: Location, state: string, hint: string): ShardmillError {
  const what = `is a file of ${state}, and is gone`;
  const expected = "all files of a table's state, while it is read";
  return new ShardmillError("INPUT_NOT_FOUND", `${path} ${what}`, {
    fields: { path },
    problems: [{ where: path, what, expected, found: "nothing", hint }],
    hint,
  });
}

/** Returns the error for a state of a table without files. */
export function noRows(table: Location, state: string): ShardmillError {
  const what = `${state} has no rows`;
  return new ShardmillError("INPUT_NOT_FOUND", `input ${table}: ${what}`, {
    fields: { paths: 1, path: table },
    problems: [{ where: table, what }],
  });
}

/** Shows a value of a table in a message, cut to a length that a line has room for. */
export function shown(value: unknown): string {
  const plain = (_: string, each: unknown) => (typeof each === "bigint" ? String(each) : each);
  const text = JSON.stringify(value, plain) ?? "nothing";
  return text.length <= 200 ? text : `${text.slice(0, 200)}...`;
}
