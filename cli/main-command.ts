import { endWhereNobodyListens } from "../shared/terminal/early-signals.ts";
import { commandLine } from "./command-line.ts";
import { exitWithError } from "./exit.ts";
import { usageError } from "./usage-error.ts";

/** The time in which a process that has nothing left to do ends by itself. */
const LINGER_MS = 2_000;

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
    endProcess();
  } catch (error) {
    exitWithError(await usageError(error, args), { json: args.includes("--json") });
  }
}

/**
 * Ends the process once its command has ended and its output is written, although something that was given
 * up keeps it alive. A vendor's library waits for its request without end, and cannot be stopped.
 */
function endProcess(): void {
  const isWritten = () => process.stdout.writableLength + process.stderr.writableLength === 0;
  const timer = setInterval(() => {
    if (isWritten()) process.exit();
  }, LINGER_MS);
  timer.unref();
}
