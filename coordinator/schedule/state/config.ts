import type { Problem } from "../../../shared/core/errors.ts";

/**
 * Reason of a refusal. `device`: wrong numbers. `unfit`: the worker's machine or options do not fit the job.
 */
export type RefusalKind = "device" | "unfit";

/** Times and limits of the scheduling core. All durations are monotonic milliseconds. */
export interface ScheduleConfig {
  /** A lease expires when it was not renewed for this long. Two missed heartbeats must not be enough. */
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  /**
   * A worker is lost after this long without a call (see policy/absence.ts). Longer than a lease, so that its
   * leases have expired by then. A connection to a vanished machine may stay undetected for 50 s. A lease
   * request may block for 60 s. This limit is the last resort, so it is longer than both.
   */
  readonly workerLostMs: number;
  /** A worker with a broken connection keeps its leases for this long, and is still present. */
  readonly disconnectGraceMs: number;
  /**
   * Counted attempts of a shard before it is split, dead-lettered or fails the job. They must be of two
   * workers, if there are two, because one bad node must not fail a job. Twice as many are always enough.
   */
  readonly maxAttempts: number;
  /** Initial back-off of a failed shard. Doubles with each failure, up to the maximum. */
  readonly retryBackoffMs: number;
  readonly retryBackoffMaxMs: number;
  /** The job fails after this long without any worker. */
  readonly noWorkersGraceMs: number;
  /** The job fails after this long with only refused workers, with the reason of the last refusal. */
  readonly refusedGraceMs: Readonly<Record<RefusalKind, number>>;
  /** Longest wait of a shard for a store that throttles or is unreachable. After it the job fails. */
  readonly storeGraceMs: number;
  readonly backup: {
    /** A lease is slow after max(this times the median, `minMs`), for its number of rows. */
    readonly slowFactor: number;
    readonly minMs: number;
    /** Limit of backup leases, as a share of the shards. */
    readonly maxShare: number;
  };
  readonly exclusion: {
    /** Failures in a row that exclude a worker for a while. 0 turns exclusion off. */
    readonly strikes: number;
    /** Strikes expire after this long. */
    readonly windowMs: number;
    /** Duration of the first exclusion. Doubles with each failed probe, up to the maximum. */
    readonly forMs: number;
    readonly forMaxMs: number;
  };
  /**
   * A worker that renews leases but finishes no row for this long hangs, and its oldest attempt fails. Longer
   * than any pause of a healthy worker. The longest is building an engine for a new model.
   */
  readonly stallMs: number;
  /** Most dead letters of a job. With more, the job fails. */
  readonly maxDeadLetters: number;
}

export const DEFAULT_SCHEDULE: Omit<ScheduleConfig, "maxDeadLetters"> = {
  leaseMs: 30_000,
  heartbeatMs: 10_000,
  workerLostMs: 90_000,
  disconnectGraceMs: 10_000,
  maxAttempts: 3,
  retryBackoffMs: 500,
  retryBackoffMaxMs: 30_000,
  noWorkersGraceMs: 300_000,
  refusedGraceMs: { device: 30_000, unfit: 300_000 },
  storeGraceMs: 600_000,
  backup: { slowFactor: 3, minMs: 10_000, maxShare: 0.05 },
  exclusion: { strikes: 3, windowMs: 600_000, forMs: 60_000, forMaxMs: 600_000 },
  stallMs: 900_000,
};

/** Heartbeats that a lease must outlast, so that two lost ones do not cost a healthy worker its shard. */
const HEARTBEATS_PER_LEASE = 3;

/** Returns all problems of a configuration. Empty: the core can run with it. */
export function validateScheduleConfig(config: ScheduleConfig): Problem[] {
  const problems: Problem[] = [];
  const check = (where: string, good: boolean, expected: string, found: number) => {
    if (!good) problems.push({ where, what: "is out of range", expected, found: String(found) });
  };
  const { leaseMs, heartbeatMs, retryBackoffMs, retryBackoffMaxMs, maxAttempts, backup, exclusion } = config;

  check("heartbeatMs", positive(heartbeatMs), "a positive duration", heartbeatMs);
  const leaseFloorMs = HEARTBEATS_PER_LEASE * heartbeatMs;
  check("leaseMs", positive(leaseMs) && leaseMs >= leaseFloorMs, `at least ${leaseFloorMs}`, leaseMs);
  const { workerLostMs, disconnectGraceMs, noWorkersGraceMs, refusedGraceMs, maxDeadLetters } = config;
  const { device, unfit } = refusedGraceMs;
  const outlastsLease = positive(workerLostMs) && workerLostMs > leaseMs;
  check("workerLostMs", outlastsLease, `longer than leaseMs, ${leaseMs}`, workerLostMs);
  check("disconnectGraceMs", notNegative(disconnectGraceMs), "a duration", disconnectGraceMs);
  check("noWorkersGraceMs", positive(noWorkersGraceMs), "a positive duration", noWorkersGraceMs);
  check("refusedGraceMs.device", notNegative(device), "a duration", device);
  check("refusedGraceMs.unfit", notNegative(unfit), "a duration", unfit);
  check("storeGraceMs", notNegative(config.storeGraceMs), "a duration", config.storeGraceMs);
  check("maxAttempts", Number.isSafeInteger(maxAttempts) && maxAttempts >= 1, "1 or more", maxAttempts);
  check("retryBackoffMs", notNegative(retryBackoffMs), "a duration", retryBackoffMs);
  check(
    "retryBackoffMaxMs",
    notNegative(retryBackoffMaxMs) && retryBackoffMaxMs >= retryBackoffMs,
    `at least retryBackoffMs, ${retryBackoffMs}`,
    retryBackoffMaxMs,
  );
  check("backup.slowFactor", backup.slowFactor >= 1, "1 or more", backup.slowFactor);
  check("backup.minMs", notNegative(backup.minMs), "a duration", backup.minMs);
  check("backup.maxShare", backup.maxShare >= 0 && backup.maxShare <= 1, "0 to 1", backup.maxShare);
  check("exclusion.strikes", isCount(exclusion.strikes), "0 or more", exclusion.strikes);
  check("exclusion.windowMs", positive(exclusion.windowMs), "a positive duration", exclusion.windowMs);
  check("exclusion.forMs", positive(exclusion.forMs), "a positive duration", exclusion.forMs);
  check(
    "exclusion.forMaxMs",
    positive(exclusion.forMaxMs) && exclusion.forMaxMs >= exclusion.forMs,
    `at least exclusion.forMs, ${exclusion.forMs}`,
    exclusion.forMaxMs,
  );
  check("stallMs", positive(config.stallMs), "a positive duration", config.stallMs);
  check("maxDeadLetters", isCount(maxDeadLetters), "0 or more", maxDeadLetters);
  return problems;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function positive(ms: number): boolean {
  return Number.isFinite(ms) && ms > 0;
}

function notNegative(ms: number): boolean {
  return Number.isFinite(ms) && ms >= 0;
}
