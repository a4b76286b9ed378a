import type { Options, PositionalOptions } from "yargs";
import { ALL_SCHEMES } from "../domain/store-schemes.ts";

/** Argument of commands about a published output. */
export const namedOutputOption = {
  type: "string",
  demandOption: true,
  describe:
    `The folder that a job published to, or its address in a bucket (${ALL_SCHEMES.join(", ")}), with access by ` +
    "the environment",
} as const satisfies PositionalOptions;

export const jobOfOutputOption = {
  type: "string",
  requiresArg: true,
  describe: "The job file, whose `stores` and the environment give access to the output",
} as const satisfies Options;

/** Output that a command concerns, and the job file with settings for access to it. */
export interface NamedOutputArguments {
  readonly output: string;
  readonly job: string | undefined;
}
