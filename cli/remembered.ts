import { hostname } from "node:os";
import { join, resolve } from "node:path";
import type { Options } from "yargs";
import type { JobRecord } from "../coordinator/job-store/job-record.ts";
import type { JobStore } from "../coordinator/job-store/job-store.ts";
import { isShardmillError, ShardmillError } from "../shared/core/errors.ts";
import type { Logger } from "../shared/core/log.ts";

/** State of a coordinator without a job of its own that survives a restart. */

export const stateOption = {
  type: "string",
  requiresArg: true,
  defaultDescription: "~/.local/state/shardmill/coordinators/HOST_PORT, or none with port 0",
  describe: "Folder for the list of jobs, which resume after a restart (without a job file)",
} as const satisfies Options;

/** Option of a coordinator that takes jobs of other users. */
export const maxJobsOption = {
  type: "number",
  requiresArg: true,
  default: 64,
  coerce: (most: number) => checkMost(most),
  describe: "Limit of active jobs for each token",
} as const satisfies Options;

function checkMost(most: number): number {
  if (Number.isInteger(most) && most >= 1) return most;
  throw new ShardmillError("ARGUMENT_INVALID", "--max-jobs must be a whole number, 1 or more");
}

interface RememberedArguments {
  readonly job: string | undefined;
  readonly listen: string;
  readonly state: string | undefined;
}

interface Remembered {
  readonly store: JobStore;
  readonly records: readonly JobRecord[];
}

/**
 * Opens the state of a coordinator. Null: it keeps none. A command with a job file resumes its job by itself.
 * A coordinator on any free port cannot be recognized after a restart.
 *
 * @throws {ARGUMENT_INVALID} for a state folder beside a job file
 * @throws {STATE_LOCKED} when another coordinator has the folder
 * @throws {STATE_FAILED} when a named folder cannot be used
 */
export async function remembered(
  { job, listen, state }: RememberedArguments,
  { log, signal }: { readonly log: Logger; readonly signal: AbortSignal },
): Promise<Remembered | null> {
  if (job !== undefined && state !== undefined) throw stateWithJob();
  const folder = state === undefined ? await usualFolder(listen) : resolve(state);
  if (job !== undefined || folder === null) return null;
  const { JobStore: Store } = await import("../coordinator/job-store/job-store.ts");
  const { systemClock } = await import("../shared/core/clock.ts");
  try {
    return await Store.open({ folder, clock: systemClock, log, signal });
  } catch (error) {
    // The default folder is optional: containers may have no home.
    if (state !== undefined || !isShardmillError(error, "STATE_FAILED")) throw error;
    log.warn(
      { folder, reason: error.message },
      "the list of jobs does not survive a restart: name a folder with --state",
    );
    return null;
  }
}

/** Returns a default folder with the host and address in its name, because hosts may share homes. */
async function usualFolder(listen: string): Promise<string | null> {
  const { stateFolder } = await import("../shared/core/user-folder.ts");
  if (listen.endsWith(":0")) return null;
  const name = `${hostname()}_${listen}`.replace(/[^A-Za-z0-9.-]+/g, "_");
  return join(stateFolder("coordinators"), name);
}

function stateWithJob(): ShardmillError {
  return new ShardmillError("ARGUMENT_INVALID", "--state is for a coordinator without a job file", {
    fields: { option: "--state" },
    hint: "omit --state: the same command resumes the job from its output folder",
  });
}
