import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { packageRoot } from "../../shared/core/package-root.ts";
import { startWordService } from "./service.ts";

/**
 * Runs the example with the service that it calls: `node dist/examples/own-code/run.js`. Options may follow.
 */

await using service = await startWordService();
const command = [
  join(packageRoot, "dist/bundle/cli/main.js"),
  "run",
  join(packageRoot, "examples/own-code/job.yaml"),
  ...process.argv.slice(2),
];
const run = spawn(process.execPath, command, {
  stdio: "inherit",
  env: { ...process.env, WORDS_URL: service.url },
});
const [code] = await once(run, "exit");
console.error(
  `the service was asked ${service.calls.requested} times and failed ${service.calls.failed} times`,
);
process.exitCode = code ?? 1;
