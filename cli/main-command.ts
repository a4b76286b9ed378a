import { commandLine } from "./command-line.ts";
import { endWhereNobodyListens } from "./early-signals.ts";
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
    const parsed = commandLine(args, process.stdout.columns).parseAsync();
    // A command that drains listens from its first line on.
    setImmediate(endWhereNobodyListens);
    await parsed;
  } catch (error) {
    exitWithError(await usageError(error, args), { json: args.includes("--json") });
  }
}
