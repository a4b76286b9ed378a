#!/usr/bin/env node
import { listenEarly } from "../shared/terminal/early-signals.ts";

listenEarly();
// ONNX Runtime tells its makers what it runs, and leaves a log in the temporary folder for each process,
// unless this is set before it is loaded. Whoever wants that says so in the environment.
process.env.ORT_DISABLE_TELEMETRY ??= "1";

// Imported only once that is set.
await (await import("./main-command.ts")).mainCommand(process.argv.slice(2));
