import type { Versions } from "./versions.ts";

/** Facts about a coordinator, for callers with any role. */
export interface ServerInfo extends Versions {
  /** Start by the wall clock. */
  readonly startedMs: number;
  /** True when jobs can be submitted. False: the coordinator has one job of its own. */
  readonly takesJobs: boolean;
  /** True when jobs survive a restart. */
  readonly remembersJobs: boolean;
  /** Services on further ports. Other programs read these names: `HTTP`. */
  readonly serves: readonly string[];
}
