import type { Argv } from "yargs";
import type { PlannedJob } from "../domain/job.ts";
import type { OutputManifest } from "../domain/manifest.ts";
import type { NamedOutputArguments } from "../terminal/output-options.ts";
import type { StandingHost } from "./standing.ts";

/** A command of the command line. */
export interface CommandPart {
  /** Name, with its positional arguments: `convert <model>`. */
  readonly usage: string;
  /** Description in the list of commands. */
  readonly says: string;
  /** Name of the engine's command that it follows in the list of commands: `plan`. */
  readonly follows: string;
  /** Loads the code of its options and of its run. */
  load(): Promise<Command>;
}

interface Command {
  /** Adds positional arguments, options and examples. */
  options(yargs: Argv, host: CommandHost): Argv;
  /** Runs it. An error that it throws is shown, and gives the exit code. */
  run(args: object, host: CommandHost): Promise<void>;
}

/** Work that the command line does for commands of extensions. */
export interface CommandHost {
  /**
   * Plans a job, and writes to stderr how far that is. Of a job with a schedule it plans the latest run.
   *
   * @throws whatever is wrong with the job, with lines of the job file
   */
  plan(args: { readonly job: string; readonly set: readonly string[] }): Promise<PlannedJob>;
  /**
   * Reads the manifest of a published output.
   *
   * @throws {ARGUMENT_INVALID} where nothing is published
   */
  manifest(args: NamedOutputArguments): Promise<OutputManifest>;
  readonly standing: StandingHost;
}

/** Makes a command whose arguments have the types of its options. */
export function defineCommand<Options extends object>(command: {
  readonly options: (yargs: Argv, host: CommandHost) => Argv<Options>;
  readonly run: (args: Options, host: CommandHost) => Promise<void>;
}): Command {
  // The parser gives what the options describe.
  return command as unknown as Command;
}
