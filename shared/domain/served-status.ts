import type { JobId } from "./job-id.ts";
import type { QueueStatus } from "./queue-status.ts";

/** How a run ended that a standing command began. */
export const SERVED_OUTCOMES = ["published", "nothingNew", "failed", "cancelled"] as const;
export type ServedOutcome = (typeof SERVED_OUTCOMES)[number];

/** Status of a job whose runs a standing command begins by itself. */
export interface ServedStatus {
  /** Name of the job in its job file. */
  readonly name: string;
  /** When its schedule is due next, in milliseconds since 1970; null of new files and of messages. */
  readonly nextMs: number | null;
  /** Instants that are to run, that of the run at work among them. */
  readonly waiting: number;
  readonly isRunning: boolean;
  /** Null of a job whose runs are not over messages. */
  readonly queue: QueueStatus | null;
  /** The run that ended last; null where none is remembered. */
  readonly last: {
    readonly outcome: ServedOutcome;
    readonly endedMs: number;
    /** Null of one that no job came of. */
    readonly jobId: JobId | null;
    /** Why it failed; null of others. */
    readonly reason: string | null;
  } | null;
}

/** Status of such a job, and further facts of it for metrics. */
export interface ServedFacts extends ServedStatus {
  /** Runs that ended since this process began, by how. One that is begun again by itself has not. */
  readonly ended: Readonly<Record<ServedOutcome, number>>;
  /** How often one failed that is begun again by itself. */
  readonly retries: number;
  /** When a run last ended published; null where none is remembered. */
  readonly publishedMs: number | null;
  /** How often instants were left out since this process began: several side by side count once. */
  readonly leftOut: number;
}
