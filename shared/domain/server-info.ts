import type { Versions } from "./versions.ts";

/** What a coordinator says of itself to whoever has any role. */
export interface ServerInfo extends Versions {
  /** By the wall clock. */
  readonly startedMs: number;
  /** Whether jobs may be submitted; else it has one of its own. */
  readonly takesJobs: boolean;
  /** Whether its jobs are there again after a restart. */
  readonly remembersJobs: boolean;
  /** What it serves on further ports. Other programs read these names: `HTTP`. */
  readonly serves: readonly string[];
}
