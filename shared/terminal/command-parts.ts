import type { Options } from "yargs";
import { ShardmillError } from "../core/errors.ts";
import { LOG_FORMAT_VARIABLE, LOG_FORMATS, LOG_LEVELS } from "../core/log-levels.ts";

/** Option of commands that have a result for programs. */
export const jsonOption = {
  type: "boolean",
  default: false,
  describe: "Print one JSON result on stdout, and everything else on stderr",
} as const satisfies Options;

/** Option of commands that serve, or that call a coordinator. */
export const secretFileOption = {
  type: "string",
  requiresArg: true,
  defaultDescription: "~/.config/shardmill/secret",
  describe: "File with the coordinator's secret (or set SHARDMILL_SECRET_FILE)",
} as const satisfies Options;

/** Option of commands that log. */
export const logLevelOption = {
  choices: LOG_LEVELS,
  requiresArg: true,
  describe: "Log level on stderr",
} as const satisfies Options;

/** Option for the log format. Child processes inherit it by the environment. */
export const logFormatOption = {
  choices: LOG_FORMATS,
  requiresArg: true,
  describe: `Log format: lines of text, or JSON (or set SHARDMILL_LOG_FORMAT)`,
  defaultDescription: "text on a terminal, else json",
  coerce: (format: string | undefined) => {
    if (format !== undefined) process.env[LOG_FORMAT_VARIABLE] = format;
    return format;
  },
} as const satisfies Options;

/** Address at which a coordinator serves HTTP with a bare `--http`, and to which `page` connects. */
export const DEFAULT_HTTP = "127.0.0.1:7435";

/** Makes the error for a file that a command would overwrite. */
export function fileOccupied(path: string): ShardmillError {
  return new ShardmillError("OUTPUT_OCCUPIED", `${path} already exists`, {
    fields: { path },
    hint: "choose another with -o, print it with -o -, or replace it with --force",
  });
}

/** Option of commands that read a job file. */
export const setOption = {
  type: "string",
  array: true,
  // Otherwise it would also take the next argument, the job file.
  nargs: 1,
  requiresArg: true,
  default: [] as string[],
  defaultDescription: "none",
  describe: "Override a key of the job file, as in --set map.batch.rows=256",
} as const satisfies Options;

interface NumberLimits {
  readonly least: number;
  readonly most: number;
  readonly whole: boolean;
}

/** @throws {ARGUMENT_INVALID} with the option whose value is not a number within its limits */
export function numberFrom(value: string, option: string, { least, most, whole }: NumberLimits): number {
  const number = value.trim() === "" ? Number.NaN : Number(value);
  if (number >= least && number <= most && (!whole || Number.isInteger(number))) return number;
  const kind = whole ? "a whole number" : "a number";
  throw new ShardmillError(
    "ARGUMENT_INVALID",
    `--${option} must be ${kind} from ${least} to ${most}, not ${value.trim() === "" ? "empty" : value}`,
    { fields: { option, found: value } },
  );
}
