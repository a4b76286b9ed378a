import type { Options } from "yargs";
import { ShardmillError } from "../shared/core/errors.ts";
import { LOG_FORMAT_VARIABLE, LOG_FORMATS, LOG_LEVELS, type LogLevel } from "../shared/core/log.ts";
import { parseBytes } from "../shared/core/units.ts";
import { DEVICES } from "../shared/domain/device.ts";
import { checkPriority } from "../shared/domain/standing.ts";

/** The port that a coordinator listens on unless told otherwise. */
export const DEFAULT_PORT = 7433;

/** The port that results are served on by Arrow Flight unless told otherwise. */
export const DEFAULT_FLIGHT_PORT = 7434;

/** @throws {ARGUMENT_INVALID} for what is no size */
export function bytesOf(option: string, text: string): number {
  const bytes = parseBytes(text);
  if (bytes !== null) return bytes;
  throw new ShardmillError(
    "ARGUMENT_INVALID",
    `${option} is a size such as 512MiB or 4GiB, not ${JSON.stringify(text)}`,
  );
}

const MOST_EXIT_CODE = 255;

/** @throws {ARGUMENT_INVALID} for what no process can end with */
export function checkExitCode(option: string, code: number): number {
  if (Number.isInteger(code) && code >= 0 && code <= MOST_EXIT_CODE) return code;
  throw new ShardmillError(
    "ARGUMENT_INVALID",
    `${option} must be a whole number from 0 to ${MOST_EXIT_CODE}, not ${code}`,
  );
}

export const deadLettersExitCodeOption = {
  type: "number",
  requiresArg: true,
  default: 3,
  coerce: (code: number) => checkExitCode("--dead-letters-exit-code", code),
  describe: "Exit code of a job that published, but for rows that are dead letters; 0: that is no failure",
} as const satisfies Options;

export const freshOption = {
  type: "boolean",
  default: false,
  describe: "Start over: throw away what an earlier run of this job left or published",
} as const satisfies Options;

export const priorityOption = {
  type: "number",
  requiresArg: true,
  coerce: (priority: number | undefined) => (priority === undefined ? undefined : checkPriority(priority)),
  defaultDescription: "0, or as before",
  describe: "Which jobs of a coordinator come first: from -1000 to 1000, the higher first; equal ones share",
} as const satisfies Options;

export function priorityOf({ priority }: { readonly priority: number | undefined }) {
  return priority === undefined ? {} : { priority };
}

/**
 * It and the secret's file are the options that can come from the environment, by name. Not all of them by
 * their prefix, as yargs would do it: a service called `shardmill` has Kubernetes set SHARDMILL_PORT and more
 * in every container, for options that no command has.
 */
export const coordinatorOption = {
  type: "string",
  requiresArg: true,
  default: process.env.SHARDMILL_COORDINATOR ?? `127.0.0.1:${DEFAULT_PORT}`,
  defaultDescription: `127.0.0.1:${DEFAULT_PORT}`,
  describe:
    "The coordinator's HOST:PORT, or @FILE that it wrote by --address-file (or set SHARDMILL_COORDINATOR)",
} as const satisfies Options;

export const secretFileOption = {
  type: "string",
  requiresArg: true,
  defaultDescription: "~/.config/shardmill/secret",
  describe: "The file with the secret that opens the coordinator (or set SHARDMILL_SECRET_FILE)",
} as const satisfies Options;

export const flightOption = {
  type: "string",
  requiresArg: true,
  defaultDescription: "nowhere",
  describe: "HOST:PORT to serve results on by Arrow Flight, and of a job that runs its combined tables",
} as const satisfies Options;

/** Where a coordinator serves HTTP if only `--http` is said, and where `page` looks for it. */
export const DEFAULT_HTTP = "127.0.0.1:7435";

export const httpOption = {
  type: "string",
  defaultDescription: `nowhere; without a value ${DEFAULT_HTTP}`,
  describe: "HOST:PORT to serve /healthz, /readyz, /metrics and the page on: shardmill page",
} as const satisfies Options;

/** Of whoever works for jobs that others hand in. */
export const allowModulesOption = {
  type: "boolean",
  default: false,
  describe: "Run code that jobs bring along (`module`), with all that this process may do",
} as const satisfies Options;

export const deviceOption = {
  choices: DEVICES,
  default: "auto",
  describe: "What to run the model on (auto: the best that works here)",
} as const satisfies Options;

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

/**
 * Log lines would tear a live view apart: beside one, only errors are logged unless the user asks for more.
 */
export function logLevelOf(asked: LogLevel | undefined, usual: LogLevel): LogLevel {
  return asked ?? (process.stderr.isTTY ? "error" : usual);
}
