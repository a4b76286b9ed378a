#!/usr/bin/env node
import { hideBin } from "yargs/helpers";
import { commandLine } from "./command-line.ts";
import { exitWithError } from "./exit.ts";
import { usageError } from "./usage-error.ts";

// ONNX Runtime tells its makers what it runs, and leaves a log in the temporary folder for each process, unless this is
// set before it is loaded. Whoever wants that says so in the environment.
process.env.ORT_DISABLE_TELEMETRY ??= "1";

// A reader that has seen enough (`| head -1`) closes the pipe: no reason to stop, and none to complain.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

const args = hideBin(process.argv);
try {
  await commandLine(args, process.stdout.columns).parseAsync();
} catch (error) {
  exitWithError(await usageError(error, args), { json: args.includes("--json") });
}
