import type { JobId } from "./job-id.ts";
import type { QueueStatus } from "./queue-status.ts";

/** How a run ended that a trigger began. */
export const TRIGGER_OUTCOMES = ["published", "nothingNew", "failed", "cancelled"] as const;
export type TriggerOutcome = (typeof TRIGGER_OUTCOMES)[number];

/** What people are told of a job that `serve` runs by its trigger. */
export interface TriggerStatus {
  /** What the job file calls the job. */
  readonly name: string;
  /** When its schedule is due next, in milliseconds since 1970; null of new files and of messages. */
  readonly nextMs: number | null;
  /** Instants that are to run, that of the run at work among them. */
  readonly waiting: number;
  readonly isRunning: boolean;
  /** Null of a job that no queue triggers. */
  readonly queue: QueueStatus | null;
  /** The run that ended last; null where none is remembered. */
  readonly last: {
    readonly outcome: TriggerOutcome;
    readonly endedMs: number;
    /** Null of one that no job came of. */
    readonly jobId: JobId | null;
    /** Why it failed; null of others. */
    readonly reason: string | null;
  } | null;
}

/** Status of a trigger, and further facts of it for metrics. */
export interface TriggerFacts extends TriggerStatus {
  /** Runs that ended since this process began, by how. One that is begun again by itself has not. */
  readonly ended: Readonly<Record<TriggerOutcome, number>>;
  /** How often one failed that is begun again by itself. */
  readonly retries: number;
  /** When a run last ended published; null where none is remembered. */
  readonly publishedMs: number | null;
  /** How often instants were left out since this process began: several side by side count once. */
  readonly leftOut: number;
}
