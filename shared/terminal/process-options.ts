import type { Options } from "yargs";
import { ShardmillError } from "../core/errors.ts";

/** Options for the use of this machine's cores and devices. */
export const processOptions = {
  workers: {
    type: "string",
    requiresArg: true,
    default: "auto",
    describe: "Worker processes on this machine (auto: one per device)",
  },
  lanes: {
    type: "string",
    requiresArg: true,
    default: "auto",
    describe: "Threads per worker that run the model, each on one batch",
  },
  threads: { type: "string", requiresArg: true, default: "auto", describe: "Threads per lane" },
  "shard-threads": {
    type: "string",
    requiresArg: true,
    default: "auto",
    describe: "Threads per worker that read, decode and collect (auto: one for a CPU, up to four for a GPU)",
  },
} as const satisfies Record<string, Options>;

export type ProcessArguments = Readonly<Record<keyof typeof processOptions, string>>;

const MAX_COUNT = 1024;

/**
 * Reads the counts for the layout of worker processes.
 *
 * @throws {ARGUMENT_INVALID} with the option that is neither `auto` nor a whole number from 1
 */
export function processCounts(args: ProcessArguments) {
  return {
    workers: autoOrCount(args.workers, "workers"),
    lanes: autoOrCount(args.lanes, "lanes"),
    threads: autoOrCount(args.threads, "threads"),
    shardThreads: autoOrCount(args["shard-threads"], "shard-threads"),
  };
}

function autoOrCount(value: string, option: string): number | "auto" {
  if (value === "auto") return value;
  const count = value.trim() === "" ? Number.NaN : Number(value);
  if (Number.isInteger(count) && count >= 1 && count <= MAX_COUNT) return count;
  throw new ShardmillError(
    "ARGUMENT_INVALID",
    `--${option} must be auto or a whole number from 1 to ${MAX_COUNT}, not ${value === "" ? "empty" : value}`,
    { fields: { option, found: value } },
  );
}
