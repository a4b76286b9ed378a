import type { Options } from "yargs";
import { ShardmillError } from "../shared/core/errors.ts";
import type { LogLevel } from "../shared/core/log-levels.ts";
import { parseBytes } from "../shared/core/units.ts";
import { DEVICES } from "../shared/domain/device.ts";
import { checkPriority } from "../shared/domain/standing.ts";
import { jsonOption } from "../shared/terminal/command-parts.ts";
import { connectingOptions } from "../shared/terminal/connecting-options.ts";

/** Default port of a coordinator. */
export const DEFAULT_PORT = 7433;

/** @throws {ARGUMENT_INVALID} when the text is not a size */
export function bytesOf(option: string, text: string): number {
  const bytes = parseBytes(text);
  if (bytes !== null) return bytes;
  throw new ShardmillError(
    "ARGUMENT_INVALID",
    `${option} is a size such as 512MiB or 4GiB, not ${JSON.stringify(text)}`,
  );
}

const MOST_EXIT_CODE = 255;

/** @throws {ARGUMENT_INVALID} when the code is not a valid exit code */
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
  describe: "Exit code of a job that published with dead letters (0: no failure)",
} as const satisfies Options;

export const freshOption = {
  type: "boolean",
  default: false,
  describe: "Start over: discard the work and the output of earlier runs of this job",
} as const satisfies Options;

export const priorityOption = {
  type: "number",
  requiresArg: true,
  coerce: (priority: number | undefined) => (priority === undefined ? undefined : checkPriority(priority)),
  defaultDescription: "0, or the previous priority",
  describe: "Priority of the job, from -1000 to 1000: higher ones first, equal ones share the workers",
} as const satisfies Options;

export function priorityOf({ priority }: { readonly priority: number | undefined }) {
  return priority === undefined ? {} : { priority };
}

/** Option of commands that call a coordinator. The environment can set it, as it can `connectingOptions`. */
export const coordinatorOption = {
  type: "string",
  requiresArg: true,
  default: process.env.SHARDMILL_COORDINATOR ?? `127.0.0.1:${DEFAULT_PORT}`,
  defaultDescription: `127.0.0.1:${DEFAULT_PORT}`,
  describe:
    "The coordinator's HOST:PORT, or @FILE that it wrote with --address-file (or set SHARDMILL_COORDINATOR)",
} as const satisfies Options;

/** Options of every command that calls a coordinator and prints the response. */
export const clientOptions = {
  coordinator: coordinatorOption,
  ...connectingOptions,
  json: jsonOption,
} as const satisfies Record<string, Options>;

/** Option of processes that run the jobs of other users. */
export const allowModulesOption = {
  type: "boolean",
  default: false,
  describe: "Run the code of jobs (`module`) with all rights of this process",
} as const satisfies Options;

export const deviceOption = {
  choices: DEVICES,
  default: "auto",
  describe: "Device for the model (auto: the best one that works here)",
} as const satisfies Options;

/** Returns the log level. Log lines would break a live view, so beside one the default is `error`. */
export function logLevelOf(requested: LogLevel | undefined, usual: LogLevel): LogLevel {
  return requested ?? (process.stderr.isTTY ? "error" : usual);
}
