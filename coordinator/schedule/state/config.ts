/**
 * The times and limits of the scheduling core (RELIABILITY, "Times"). All durations are monotonic
 * milliseconds.
 */
export interface ScheduleConfig {
  /**
   * A worker that has not renewed for this long has lost the shard. Two missed heartbeats must not be enough.
   */
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  /** How long a worker whose connection broke keeps its leases. */
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
  /** With no worker but refused ones for this long, the job fails with why the last of them was. */
  readonly refusedGraceMs: number;
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
   * Longer than anything that a sound worker does between two rows: the slowest is an engine that is built
   * for a new model.
   */
  readonly stallMs: number;
  /** Dead letters allowed before the job fails. */
  readonly maxDeadRows: number;
}

export const DEFAULT_SCHEDULE: Omit<ScheduleConfig, "maxDeadRows"> = {
  leaseMs: 30_000,
  heartbeatMs: 10_000,
  disconnectGraceMs: 10_000,
  maxAttempts: 3,
  retryBackoffMs: 500,
  retryBackoffMaxMs: 30_000,
  noWorkersGraceMs: 300_000,
  refusedGraceMs: 30_000,
  backup: { slowFactor: 3, minMs: 10_000, maxShare: 0.05 },
  exclusion: { strikes: 3, windowMs: 600_000, forMs: 60_000, forMaxMs: 600_000 },
  stallMs: 900_000,
};
