import { endIfUnhandled } from "../shared/terminal/early-signals.ts";
import { commandLine } from "./command-line.ts";
import { exitWithError } from "./exit.ts";
import { usageError } from "./usage-error.ts";

/** Time for a process without work to end by itself. */
const LINGER_MS = 2_000;

/** Runs the command of the command line. Shows an error that the command throws, and exits with its code. */
export async function mainCommand(args: readonly string[]): Promise<void> {
  // A reader such as `head -1` may close the pipe early. That is no error, and the command goes on.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
  }
  try {
    const parsed = commandLine(args, process.stdout.columns).parseAsync();
    // A command that drains has registered its signal handlers by then.
    setImmediate(endIfUnhandled);
    await parsed;
    endProcess();
  } catch (error) {
    exitWithError(await usageError(error, args), { json: args.includes("--json") });
  }
}

/**
 * Exits once the command has ended and its output is written, even if abandoned work keeps the process
 * running. A vendor's library, for example, waits for its request without end and cannot be stopped.
 */
function endProcess(): void {
  const isWritten = () => process.stdout.writableLength + process.stderr.writableLength === 0;
  const timer = setInterval(() => {
    if (isWritten()) process.exit();
  }, LINGER_MS);
  timer.unref();
}
