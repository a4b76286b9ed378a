import type { Options } from "yargs";
import {
  DEFAULT_SCHEDULE,
  type ScheduleConfig,
  validateScheduleConfig,
} from "../coordinator/schedule/state/config.ts";
import { ShardmillError } from "../shared/core/errors.ts";

/** Times of the scheduling core, for unusual networks and shards, and for fast tests. */
export interface ScheduleArguments {
  readonly "lease-ms": number;
  readonly "heartbeat-ms": number;
  readonly "worker-grace-ms": number;
  readonly "refused-grace-ms": number;
  readonly "store-grace-ms": number;
  readonly "backup-min-ms": number;
}

/** Leases after which a silent worker is lost: the same ratio as in the defaults. */
const GONE_LEASES = 3;
const GROUP = "Times (advanced):";

export const scheduleOptions = {
  "lease-ms": {
    type: "number",
    requiresArg: true,
    default: DEFAULT_SCHEDULE.leaseMs,
    group: GROUP,
    describe: "A worker that is silent for this long loses its shards; at least three heartbeats",
  },
  "heartbeat-ms": {
    type: "number",
    requiresArg: true,
    default: DEFAULT_SCHEDULE.heartbeatMs,
    group: GROUP,
    describe: "How often workers renew their leases",
  },
  "worker-grace-ms": {
    type: "number",
    requiresArg: true,
    default: DEFAULT_SCHEDULE.noWorkersGraceMs,
    group: GROUP,
    describe: "With no worker that can run the job for this long it fails, with the reason",
  },
  "refused-grace-ms": {
    type: "number",
    requiresArg: true,
    default: DEFAULT_SCHEDULE.refusedGraceMs.device,
    group: GROUP,
    describe:
      "With no worker but those whose device gives wrong numbers for this long the job fails with why",
  },
  "store-grace-ms": {
    type: "number",
    requiresArg: true,
    default: DEFAULT_SCHEDULE.storeGraceMs,
    group: GROUP,
    describe: "How long shards wait for a store that throttles or is unreachable; then the job fails",
  },
  "backup-min-ms": {
    type: "number",
    requiresArg: true,
    default: DEFAULT_SCHEDULE.backup.minMs,
    group: GROUP,
    describe: "A shard that runs for less than this gets no backup on another worker",
  },
} as const satisfies Record<keyof ScheduleArguments, Options>;

/** @throws {ARGUMENT_INVALID} with every invalid option */
export function scheduleOf(args: ScheduleArguments): Omit<ScheduleConfig, "maxDeadRows"> {
  const schedule = {
    ...DEFAULT_SCHEDULE,
    leaseMs: args["lease-ms"],
    heartbeatMs: args["heartbeat-ms"],
    workerGoneMs: GONE_LEASES * args["lease-ms"],
    disconnectGraceMs: Math.min(DEFAULT_SCHEDULE.disconnectGraceMs, args["lease-ms"]),
    noWorkersGraceMs: args["worker-grace-ms"],
    refusedGraceMs: { device: args["refused-grace-ms"], unfit: args["worker-grace-ms"] },
    storeGraceMs: args["store-grace-ms"],
    backup: { ...DEFAULT_SCHEDULE.backup, minMs: args["backup-min-ms"] },
  };
  const problems = validateScheduleConfig({ ...schedule, maxDeadRows: 0 }).map((problem) => ({
    ...problem,
    where: OPTION_OF[problem.where] ?? problem.where,
  }));
  if (problems.length === 0) return schedule;
  throw new ShardmillError("ARGUMENT_INVALID", "these times cannot work", { problems });
}

const OPTION_OF: Readonly<Record<string, string>> = {
  leaseMs: "--lease-ms",
  heartbeatMs: "--heartbeat-ms",
  noWorkersGraceMs: "--worker-grace-ms",
  "refusedGraceMs.device": "--refused-grace-ms",
  "refusedGraceMs.unfit": "--worker-grace-ms",
  storeGraceMs: "--store-grace-ms",
  "backup.minMs": "--backup-min-ms",
  disconnectGraceMs: "--lease-ms",
  workerGoneMs: "--lease-ms",
};
