/** States of a shard. */
export const SHARD_KINDS = ["pending", "leased", "committing", "committed", "split", "poisoned"] as const;

/** Outcomes of an attempt. An attempt whose partial arrives after its lease expired is counted twice. */
export const ATTEMPT_OUTCOMES = [
  "committed",
  "failed",
  "lost",
  "rejected",
  "expired",
  "released",
  "superseded",
] as const;
export type AttemptOutcome = (typeof ATTEMPT_OUTCOMES)[number];

/** Counts of one job's attempts since this coordinator opened it. */
export interface AttemptCounts {
  readonly ended: Readonly<Record<AttemptOutcome, number>>;
  /** Second attempts at shards on which another worker is slow. */
  readonly backups: number;
}

/** Steps of a run, in order. */
export const RUN_STEPS = ["plan", "map", "reduce", "publish"] as const;
export type RunStep = (typeof RUN_STEPS)[number];

/** Duration of each step in seconds. Steps that have not begun are missing. */
export type StepSeconds = Readonly<Partial<Record<RunStep, number>>>;

/** Facts of a job for metrics, besides its status. */
export interface JobMetrics {
  readonly shards: Readonly<Record<(typeof SHARD_KINDS)[number], number>>;
  /** Leases that workers hold. A shard can have two. */
  readonly leases: number;
  readonly attempts: AttemptCounts;
  readonly seconds: StepSeconds;
}
