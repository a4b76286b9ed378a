import { commandLine } from "./command-line.ts";
import { exitWithError } from "./exit.ts";
import { usageError } from "./usage-error.ts";

/** Does what the command line says. Ends the process with an error that nobody else has told. */
export async function mainCommand(args: readonly string[]): Promise<void> {
  // A reader that has seen enough (`| head -1`) closes the pipe: no reason to stop, and none to complain.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
  }
  try {
    await commandLine(args, process.stdout.columns).parseAsync();
  } catch (error) {
    exitWithError(await usageError(error, args), { json: args.includes("--json") });
  }
}
