import { commandLine } from "./command-line.ts";
import { exitWithError } from "./exit.ts";
import { usageError } from "./usage-error.ts";

/**
 * Does what the command line says. A command throws what it fails with: here that is shown, and the process
 * ends with its exit code.
 */
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
