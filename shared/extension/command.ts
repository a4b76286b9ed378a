import type { Argv } from "yargs";

/** A command of the command line. */
export interface CommandPart {
  /** Name, with its positional arguments: `convert <model>`. */
  readonly usage: string;
  /** Description in the list of commands. */
  readonly says: string;
  /** Where it stands in the list: with commands about a job, or with those about a published output. */
  readonly about: "job" | "output";
  /** Loads the code of its options and of its run. */
  load(): Promise<Command>;
}

interface Command {
  /** Adds positional arguments, options and examples. */
  options(yargs: Argv): Argv;
  /** Runs it. An error that it throws is shown, and gives the exit code. */
  run(args: object): Promise<void>;
}

/** Makes a command whose arguments have the types of its options. */
export function defineCommand<Options extends object>(command: {
  readonly options: (yargs: Argv) => Argv<Options>;
  readonly run: (args: Options) => Promise<void>;
}): Command {
  // The parser gives what the options describe.
  return command as unknown as Command;
}
