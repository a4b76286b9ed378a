#!/usr/bin/env node
import { forkForCommand } from "./fork-ahead.ts";

// ONNX Runtime tells its makers what it runs, and leaves a log in the temporary folder for each process,
// unless this is set before it is loaded. Whoever wants that says so in the environment.
process.env.ORT_DISABLE_TELEMETRY ??= "1";

const args = process.argv.slice(2);
forkForCommand(args);
// Only now: reading the command line takes as long as starting a process.
await (await import("./main-command.ts")).mainCommand(args);
