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
const RELEASED_LEASES = 3;
const GROUP = "Times (advanced):";

export const scheduleOptions = {
  "lease-ms": {
    type: "number",
    requiresArg: true,
    default: DEFAULT_SCHEDULE.leaseMs,
    group: GROUP,
    describe: "Silence after which a worker loses its shards, at least three heartbeats",
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
    describe: "Time without a worker that can run the job, after which the job fails",
  },
  "refused-grace-ms": {
    type: "number",
    requiresArg: true,
    default: DEFAULT_SCHEDULE.refusedGraceMs.device,
    group: GROUP,
    describe: "Time with only workers whose device gives wrong numbers, after which the job fails",
  },
  "store-grace-ms": {
    type: "number",
    requiresArg: true,
    default: DEFAULT_SCHEDULE.storeGraceMs,
    group: GROUP,
    describe: "Time that shards wait for a store that throttles or is unreachable, before the job fails",
  },
  "backup-min-ms": {
    type: "number",
    requiresArg: true,
    default: DEFAULT_SCHEDULE.backup.minMs,
    group: GROUP,
    describe: "Least run time of a shard before it gets a backup on another worker",
  },
} as const satisfies Record<keyof ScheduleArguments, Options>;

/** @throws {ARGUMENT_INVALID} with every invalid option */
export function scheduleOf(args: ScheduleArguments): Omit<ScheduleConfig, "maxDeadLetters"> {
  const schedule = {
    ...DEFAULT_SCHEDULE,
    leaseMs: args["lease-ms"],
    heartbeatMs: args["heartbeat-ms"],
    workerLostMs: RELEASED_LEASES * args["lease-ms"],
    disconnectGraceMs: Math.min(DEFAULT_SCHEDULE.disconnectGraceMs, args["lease-ms"]),
    noWorkersGraceMs: args["worker-grace-ms"],
    refusedGraceMs: { device: args["refused-grace-ms"], unfit: args["worker-grace-ms"] },
    storeGraceMs: args["store-grace-ms"],
    backup: { ...DEFAULT_SCHEDULE.backup, minMs: args["backup-min-ms"] },
  };
  const problems = validateScheduleConfig({ ...schedule, maxDeadLetters: 0 }).map((problem) => ({
    ...problem,
    where: OPTION_OF[problem.where] ?? problem.where,
  }));
  if (problems.length === 0) return schedule;
  throw new ShardmillError("ARGUMENT_INVALID", "invalid time options", { problems });
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
  workerLostMs: "--lease-ms",
};
