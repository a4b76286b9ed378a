import { join } from "node:path";
import { packageRoot } from "../shared/core/package-root.ts";
import { type CliOptions, type CliProcess, startCli } from "../test/support/processes.ts";

/** The command as people run it. */
export const SHARDMILL_MAIN = join(packageRoot, "dist", "bundle", "cli", "main.js");

/** Starts `shardmill ...args` as people run it: from the bundle. */
export function startShardmill(args: readonly string[], options: CliOptions = {}): CliProcess {
  return startCli(args, { ...options, main: SHARDMILL_MAIN });
}
