import type { Options } from "yargs";
import { ShardmillError } from "../core/errors.ts";
import { LOG_FORMAT_VARIABLE, LOG_FORMATS, LOG_LEVELS } from "../core/log.ts";
import { ALL_SCHEMES } from "../domain/store-schemes.ts";

/** Option of commands that have a result for programs. */
export const jsonOption = {
  type: "boolean",
  default: false,
  describe: "Print one JSON result on stdout; everything else goes to stderr",
} as const satisfies Options;

/** Option of commands that serve, or that ask a coordinator. */
export const secretFileOption = {
  type: "string",
  requiresArg: true,
  defaultDescription: "~/.config/shardmill/secret",
  describe: "The file with the secret that opens the coordinator (or set SHARDMILL_SECRET_FILE)",
} as const satisfies Options;

/** Option of commands that log. */
export const logLevelOption = {
  choices: LOG_LEVELS,
  requiresArg: true,
  describe: "What to log on stderr",
} as const satisfies Options;

/** Processes that a command starts inherit it by the environment. */
export const logFormatOption = {
  choices: LOG_FORMATS,
  requiresArg: true,
  describe: `How to log: lines for people, or JSON (SHARDMILL_LOG_FORMAT)`,
  defaultDescription: "text on a terminal, else json",
  coerce: (format: string | undefined) => {
    if (format !== undefined) process.env[LOG_FORMAT_VARIABLE] = format;
    return format;
  },
} as const satisfies Options;

/** Where a coordinator serves HTTP if only `--http` is said, and where `page` looks for it. */
export const DEFAULT_HTTP = "127.0.0.1:7435";

/** Argument of commands about a published output. */
export const namedOutputOption = {
  type: "string",
  demandOption: true,
  describe:
    `The folder that a job published to, or its address in a bucket (${ALL_SCHEMES.join(", ")}), reached by what ` +
    "the environment says",
} as const satisfies Options;

/** Job file of that output. */
export const jobOfOutputOption = {
  type: "string",
  requiresArg: true,
  describe: "The job file: the output is reached by what its `stores` say, and by the environment",
} as const satisfies Options;

/** Makes the refusal to write over a file that a command was to make. */
export function fileOccupied(path: string): ShardmillError {
  return new ShardmillError("OUTPUT_OCCUPIED", `${path} is there already`, {
    fields: { path },
    hint: "choose another with -o, print it with -o -, or replace it with --force",
  });
}
