import type { Argv } from "yargs";
import type { PlannedJob } from "../domain/job.ts";
import type { OutputManifest } from "../domain/manifest.ts";
import type { NamedOutputArguments } from "../terminal/output-options.ts";
import type { StandingHost } from "./standing.ts";

/** Command of the command line. */
export interface CommandPart {
  /** Name, with its positional arguments: `convert <model>`. */
  readonly usage: string;
  /** Description in the list of commands. */
  readonly says: string;
  /** Name of the engine's command that it follows in the list of commands: `plan`. */
  readonly follows: string;
  /** Loads the code of its options and its run. */
  load(): Promise<Command>;
}

interface Command {
  /** Adds positional arguments, options and examples. */
  options(yargs: Argv, host: CommandHost): Argv;
  /** Runs the command. Its error is printed and determines the exit code. */
  run(args: object, host: CommandHost): Promise<void>;
}

/** Functions that the command line provides to commands of extensions. */
export interface CommandHost {
  /**
   * Plans a job, and writes progress to stderr. Plans the latest run of a job with a schedule.
   *
   * @throws all errors of planning, with lines of the job file
   */
  plan(args: { readonly job: string; readonly set: readonly string[] }): Promise<PlannedJob>;
  /**
   * Reads the manifest of a published output.
   *
   * @throws {ARGUMENT_INVALID} when no output is published
   */
  manifest(args: NamedOutputArguments): Promise<OutputManifest>;
  readonly standing: StandingHost;
}

/** Defines a command whose arguments have the types of its options. */
export function defineCommand<Options extends object>(command: {
  readonly options: (yargs: Argv, host: CommandHost) => Argv<Options>;
  readonly run: (args: Options, host: CommandHost) => Promise<void>;
}): Command {
  // The parser returns arguments of the types that the options declare.
  return command as unknown as Command;
}
