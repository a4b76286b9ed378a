import { ShardmillError } from "../core/errors.ts";

/** How a job stands among the others of its coordinator. It is no part of what the job is. */
export interface Standing {
  /** The higher is served first; equal ones share the workers. */
  readonly priority: number;
  /** It gives out no shards. */
  readonly paused: boolean;
}

export const USUAL_STANDING: Standing = { priority: 0, paused: false };

/** Room for every habit of counting, and small enough to be read at a glance. */
const PRIORITIES = { least: -1000, most: 1000 } as const;

/** The same. @throws {ARGUMENT_INVALID} */
export function checkPriority(priority: number): number {
  const { least, most } = PRIORITIES;
  if (Number.isInteger(priority) && priority >= least && priority <= most) return priority;
  throw new ShardmillError(
    "ARGUMENT_INVALID",
    `a priority is a whole number from ${least} to ${most}, not ${priority}`,
    { fields: { priority, least, most } },
  );
}
