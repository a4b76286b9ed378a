import type { Problem } from "../../../shared/core/errors.ts";

/** Refused worker: its device computes wrongly, or its machine or its options do not fit the job. */
export type RefusalKind = "device" | "unfit";

/**
 * The times and limits of the scheduling core. All durations are monotonic
 * milliseconds.
 */
export interface ScheduleConfig {
  /**
   * A worker that has not renewed for this long has lost the shard. Two missed heartbeats must not be enough.
   */
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  /**
   * A worker that has made no call for this long is gone (see policy/absence.ts). Longer than a lease, so
   * that its leases have run out by then; and longer than a connection to a machine that vanished stays
   * unnoticed (50 s), or a lease request hangs (60 s): it is the last resort.
   */
  readonly workerGoneMs: number;
  /** How long a worker whose connection broke keeps its leases, and is here. */
  readonly disconnectGraceMs: number;
  /**
   * Counted attempts of a shard before it is split, dead-lettered or fails the job. They must come from two
   * workers at least, where there are two: one bad node must not fail a job. Twice as many are enough in any
   * case.
   */
  readonly maxAttempts: number;
  /** Back-off of a failed shard: doubles from here, up to the maximum. */
  readonly retryBackoffMs: number;
  readonly retryBackoffMaxMs: number;
  /** With no worker for this long, the job fails saying so. */
  readonly noWorkersGraceMs: number;
  /** With no worker but refused ones for this long, the job fails with the reason of the last refusal. */
  readonly refusedGraceMs: Readonly<Record<RefusalKind, number>>;
  /** Longest wait of a shard for a store that throttles or is unreachable. After it the job fails. */
  readonly storeGraceMs: number;
  readonly backup: {
    /** A lease runs "slow" beyond max(this times the median, `minMs`), for its size. */
    readonly slowFactor: number;
    readonly minMs: number;
    /** Extra leases allowed, as a share of the shards. */
    readonly maxShare: number;
  };
  readonly exclusion: {
    /** Failures in a row after which a worker gets no leases for a while; 0 turns exclusion off. */
    readonly strikes: number;
    /** A failure older than this is no strike any more. */
    readonly windowMs: number;
    /** For how long, the first time; doubles with each probe that fails, up to the maximum. */
    readonly forMs: number;
    readonly forMaxMs: number;
  };
  /**
   * A worker that renews its leases but finishes no row for this long hangs: its oldest attempt has failed.
   * Longer than anything that a healthy worker does between two rows: the slowest is an engine that is built
   * for a new model.
   */
  readonly stallMs: number;
  /** Dead letters allowed before the job fails. */
  readonly maxDeadRows: number;
}

export const DEFAULT_SCHEDULE: Omit<ScheduleConfig, "maxDeadRows"> = {
  leaseMs: 30_000,
  heartbeatMs: 10_000,
  workerGoneMs: 90_000,
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

/**
 * A lease must outlast this many heartbeats, or two that are lost on the way would cost a healthy worker its
 * shard.
 */
const HEARTBEATS_PER_LEASE = 3;

/** Everything that is wrong with a configuration; empty when the core can run with it. */
export function validateScheduleConfig(config: ScheduleConfig): Problem[] {
  const problems: Problem[] = [];
  const check = (where: string, good: boolean, expected: string, found: number) => {
    if (!good) problems.push({ where, what: "is out of range", expected, found: String(found) });
  };
  const { leaseMs, heartbeatMs, retryBackoffMs, retryBackoffMaxMs, maxAttempts, backup, exclusion } = config;

  check("heartbeatMs", positive(heartbeatMs), "a positive duration", heartbeatMs);
  const leaseFloorMs = HEARTBEATS_PER_LEASE * heartbeatMs;
  check("leaseMs", positive(leaseMs) && leaseMs >= leaseFloorMs, `at least ${leaseFloorMs}`, leaseMs);
  const { workerGoneMs, disconnectGraceMs, noWorkersGraceMs, refusedGraceMs, maxDeadRows } = config;
  const { device, unfit } = refusedGraceMs;
  const outlastsLease = positive(workerGoneMs) && workerGoneMs > leaseMs;
  check("workerGoneMs", outlastsLease, `longer than leaseMs, ${leaseMs}`, workerGoneMs);
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
  check("maxDeadRows", isCount(maxDeadRows), "0 or more", maxDeadRows);
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
