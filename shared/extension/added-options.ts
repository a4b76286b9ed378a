import type { Argv } from "yargs";

/** Options that an extension adds to a command of the engine, and the work that they request. */
export interface AddedOptions<Work> {
  /** Adds options and examples to those of the command. */
  options(yargs: Argv): Argv;
  /**
   * Reads the options before anything else is done. Null: no work is requested.
   *
   * @throws {ARGUMENT_INVALID} with the invalid option
   */
  ask(args: object): Work | null;
}

/** Returns a function that defines such options, with arguments of their types. */
export function addedOptions<Work>() {
  return <Options extends object>(added: {
    readonly options: (yargs: Argv) => Argv<Options>;
    readonly ask: (args: Options) => Work | null;
  }): AddedOptions<Work> =>
    // The parser returns arguments of the types that the options declare.
    added as unknown as AddedOptions<Work>;
}
