import type { CallKind } from "../access/callers.ts";
import type { Clock } from "../core/clock.ts";
import type { LogTail } from "../core/log.ts";
import type { JobId } from "../domain/job-id.ts";
import type { JobMetrics } from "../domain/job-metrics.ts";
import type { JobStatus } from "../domain/job-status.ts";
import type { JobView } from "../domain/job-view.ts";
import type { ServedFacts } from "../domain/served-status.ts";
import type { WorkerStatus } from "../domain/worker.ts";
import type { DurationHistogram } from "../metrics/histogram.ts";
import type { JobsService } from "../wire/services.ts";

/** View of a coordinator for routes: everything that users and their programs may see and change. */
export interface CoordinatorView {
  /** Jobs, in the order of submission. */
  jobs(): readonly ViewedJob[];
  workers(): readonly WorkerStatus[];
  /** Jobs whose runs a serving command begins. Empty: there are none. */
  served(): readonly ServedFacts[];
  readonly service: Pick<JobsService, "cancelJob" | "pauseJob" | "resumeJob" | "setJobPriority">;
  readonly logs: Pick<LogTail, "since">;
  readonly meters: ViewedMeters;
  /** Count of open requests for a shard. Nearly every worker has one. */
  leaseRequests(): number;
  /** Jobs that wait to be planned. */
  readonly planning: { readonly waiting: number };
  readonly clock: Clock;
}

/** Running or ended job. */
export interface ViewedJob {
  readonly jobId: JobId;
  status(): JobStatus;
  metrics(): JobMetrics;
  view(): JobView;
}

/** Durations that workers wait for a coordinator, over all of its jobs. */
export interface ViewedMeters {
  readonly journalAppend: Pick<DurationHistogram, "read">;
  readonly leaseGrant: Pick<DurationHistogram, "read">;
  readonly partialCheck: Pick<DurationHistogram, "read">;
  /** Count of calls that were refused because of a limit: calls a second, bytes, or open calls of a peer. */
  readonly calls: { readonly refused: Readonly<Record<CallKind, number>> };
}
