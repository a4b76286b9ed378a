import type { ErrorData } from "../core/errors.ts";
import type { RunVerdict } from "./bottleneck.ts";
import type { JobPhase } from "./job.ts";
import type { DeviceReport, JobPrecision } from "./precision.ts";

/** A job as people see it: in `status`, `watch`, the progress line and the JSON summary. */
export interface JobStatus extends RunVerdict {
  readonly jobId: string;
  readonly name: string;
  readonly phase: JobPhase;
  readonly rowsTotal: number;
  /** Rows of committed shards, and those that the leases in flight report. */
  readonly rowsDone: number;
  readonly rowsCommitted: number;
  /** Rows of committed shards that the job's steps dropped. */
  readonly rowsFiltered: number;
  /** Rows that the committed shards gave: more than were mapped where a step makes several rows of one. */
  readonly rowsOut: number;
  readonly deadLetters: number;
  readonly shardsTotal: number;
  readonly shardsCommitted: number;
  readonly shardsLeased: number;
  /** Executions started, over all generations. */
  readonly attempts: number;
  readonly attemptsFailed: number;
  readonly workers: number;
  /** Since this coordinator took the job up. */
  readonly seconds: number;
  /** Over the last seconds while running; over the whole run once ended. */
  readonly rowsPerSecond: number;
  readonly secondsLeft: number | null;
  /**
   * Where the model was converted: to what, and how its answers differ from the original's. Null for one as
   * it came.
   */
  readonly precision: JobPrecision | null;
  /** How the devices of its workers compare with the CPU; none for workers on the CPU. */
  readonly devices: readonly DeviceReport[];
  /** The output folder and the manifest in it (empty until published). */
  readonly output: string;
  readonly manifest: string;
  readonly failure: ErrorData | null;
}
