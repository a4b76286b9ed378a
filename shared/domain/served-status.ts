import type { JobId } from "./job-id.ts";
import type { QueueStatus } from "./queue-status.ts";

/** Outcomes of a run that a serving process began. */
export const SERVED_OUTCOMES = ["published", "nothingNew", "failed", "cancelled"] as const;
export type ServedOutcome = (typeof SERVED_OUTCOMES)[number];

/** Status of a job whose runs a serving process begins. */
export interface ServedStatus {
  /** Name in the job file. */
  readonly name: string;
  /** Next time of the schedule, in milliseconds since 1970. Null: the trigger is new files or messages. */
  readonly nextMs: number | null;
  /** Instants that are still to run, the running one included. */
  readonly waiting: number;
  readonly isRunning: boolean;
  /** Status of the queue. Null: the trigger is not a queue. */
  readonly queue: QueueStatus | null;
  /** Last run that ended. Null: none is known. */
  readonly last: {
    readonly outcome: ServedOutcome;
    readonly endedMs: number;
    /** Job of the run. Null: the run ended before it had a job. */
    readonly jobId: JobId | null;
    /** Reason of the failure. Null: it did not fail. */
    readonly reason: string | null;
  } | null;
}

/** Status of such a job, and further facts for metrics. */
export interface ServedFacts extends ServedStatus {
  /** Runs that ended since this process began, by outcome. A run that is retried has not ended. */
  readonly ended: Readonly<Record<ServedOutcome, number>>;
  /** Count of failed runs that are retried. */
  readonly retries: number;
  /** Time of the last published run. Null: none is known. */
  readonly publishedMs: number | null;
  /** Count of skipped ranges of instants since this process began. Consecutive instants count once. */
  readonly skippedTimes: number;
}
