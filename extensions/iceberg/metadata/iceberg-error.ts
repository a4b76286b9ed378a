import { type Problem, ShardmillError } from "../../../shared/core/errors.ts";

/** Place in a table's metadata, and what is wrong with it. */
interface MetadataFault {
  /** File or folder. */
  readonly path: string;
  /** Place in it: `snapshots.3`. */
  readonly where: string;
  readonly expected: string;
  readonly found: string;
  readonly cause?: unknown;
}

/** Returns the error for metadata that violates the specification of Iceberg tables. */
export function tableCorrupt({ path, where, expected, found, cause }: MetadataFault): ShardmillError {
  const hint =
    "repair the table with the tools that write it, or read an earlier snapshot with input.iceberg";
  return new ShardmillError("INPUT_CORRUPT", `${path} is corrupt in its ${where}: ${found}`, {
    fields: { path, where, expected, found },
    problems: [{ where: path, what: `corrupt in its ${where}`, expected, found }],
    hint,
    cause,
  });
}

const COPY = "copy the table with the tools that write it, into one without it";

/** Returns the error for a table that needs something of its readers which Shardmill does not have. */
export function tableUnsupported(path: string, what: string, hint: string = COPY): ShardmillError {
  return new ShardmillError(
    "INPUT_UNSUPPORTED",
    `the Iceberg table ${path} has ${what}, which is not supported`,
    {
      fields: { path, what },
      problems: [{ where: path, what: `has ${what}`, hint }],
      hint,
    },
  );
}

/** Returns the error for options that do not fit the table. */
export function optionsInvalid(problem: Problem): ShardmillError {
  return new ShardmillError("SPEC_INVALID", `${problem.where} ${problem.what}`, { problems: [problem] });
}

/** Shows a value of the metadata in a message, cut to a length that a line has room for. */
export function shown(value: unknown): string {
  const text =
    JSON.stringify(value, (_, each) => (typeof each === "bigint" ? String(each) : each)) ?? "nothing";
  return text.length <= 200 ? text : `${text.slice(0, 200)}...`;
}
