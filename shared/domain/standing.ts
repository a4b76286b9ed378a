import { ShardmillError } from "../core/errors.ts";

/**
 * Priority and pause of a job among the others of its coordinator. They are not part of the job's digests.
 */
export interface Standing {
  /** Jobs of higher priority are served first. Jobs of equal priority share the workers. */
  readonly priority: number;
  /** The job assigns no shards. */
  readonly paused: boolean;
}

export const USUAL_STANDING: Standing = { priority: 0, paused: false };

/** Enough levels for any use, and still short to read. */
const PRIORITIES = { least: -1000, most: 1000 } as const;

/** Returns a valid priority unchanged. @throws {ARGUMENT_INVALID} when it is invalid */
export function checkPriority(priority: number): number {
  const { least, most } = PRIORITIES;
  if (Number.isInteger(priority) && priority >= least && priority <= most) return priority;
  throw new ShardmillError(
    "ARGUMENT_INVALID",
    `a priority is a whole number from ${least} to ${most}, not ${priority}`,
    { fields: { priority, least, most } },
  );
}
