#!/usr/bin/env node
import { listenEarly } from "../shared/terminal/early-signals.ts";

listenEarly();
// ONNX Runtime sends telemetry, and writes a log to the temporary folder for each process. This turns both
// off. It must be set before the library is loaded, and the user's environment takes precedence.
process.env.ORT_DISABLE_TELEMETRY ??= "1";

// Import this only after the variable is set.
await (await import("./main-command.ts")).mainCommand(process.argv.slice(2));
