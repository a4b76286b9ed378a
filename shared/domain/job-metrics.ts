/** States of a shard. */
export const SHARD_KINDS = ["pending", "leased", "committing", "committed", "split", "poisoned"] as const;

/** Ends of an attempt. One whose lease expired, and whose partial came all the same, is counted twice. */
export const ATTEMPT_OUTCOMES = [
  "committed",
  "failed",
  "died",
  "rejected",
  "expired",
  "released",
  "superseded",
] as const;
export type AttemptOutcome = (typeof ATTEMPT_OUTCOMES)[number];

/** Counts of the attempts of one job since this coordinator opened it. */
export interface AttemptCounts {
  readonly ended: Readonly<Record<AttemptOutcome, number>>;
  /** Second attempts at a shard that another worker is slow at. */
  readonly backups: number;
}

/** Steps of a run, one after the other. */
export const RUN_STEPS = ["plan", "map", "reduce", "publish"] as const;
export type RunStep = (typeof RUN_STEPS)[number];

/** Seconds that each step took. A step that has not begun is missing. */
export type StepSeconds = Readonly<Partial<Record<RunStep, number>>>;

/** Facts of a job for metrics, beside its status. */
export interface JobMetrics {
  readonly shards: Readonly<Record<(typeof SHARD_KINDS)[number], number>>;
  /** Leases that workers hold: of one shard there may be two. */
  readonly leases: number;
  readonly attempts: AttemptCounts;
  readonly seconds: StepSeconds;
}
