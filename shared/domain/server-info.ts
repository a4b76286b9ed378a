import type { Versions } from "./versions.ts";

/** Ports that a coordinator serves beside its own. Other programs read these names. */
export interface ServedPorts {
  readonly servesFlight: boolean;
  readonly servesHttp: boolean;
}

/** What a coordinator says of itself to whoever has any role. */
export interface ServerInfo extends Versions, ServedPorts {
  /** By the wall clock. */
  readonly startedMs: number;
  /** Whether jobs may be submitted; else it has one of its own. */
  readonly takesJobs: boolean;
  /** Whether its jobs are there again after a restart. */
  readonly remembersJobs: boolean;
}

/** Ports of a coordinator that serves no other than its own. */
export const NO_PORTS: ServedPorts = { servesFlight: false, servesHttp: false };
