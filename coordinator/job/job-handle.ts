import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import { recordOf } from "../../shared/core/record-of.ts";
import { NO_VERDICT } from "../../shared/domain/bottleneck.ts";
import { checkedConversion, jobConversion } from "../../shared/domain/conversion.ts";
import type { JobId } from "../../shared/domain/job-id.ts";
import type { JobMetrics } from "../../shared/domain/job-metrics.ts";
import type { JobStatus } from "../../shared/domain/job-status.ts";
import type { JobStores } from "../../shared/domain/job-stores.ts";
import type { JobView } from "../../shared/domain/job-view.ts";
import { ROW_COUNTS, RUN_COUNTS } from "../../shared/domain/row-counts.ts";
import { NO_RUN, storedFacts } from "../../shared/domain/run-facts.ts";
import { type Standing, USUAL_STANDING } from "../../shared/domain/standing.ts";
import { isPlaceError } from "../../shared/storage/errors.ts";
import type { ActiveJob } from "./active-job.ts";
import { idleMetrics } from "./job-metrics.ts";
import type { JobOrigin } from "./job-origin.ts";
import { endedView, jobToShow, NO_VIEW } from "./job-view.ts";
import type { OpenedJob } from "./opened-job.ts";

/** A running or ended job, as the coordinator's API exposes it. */
export interface JobHandle {
  readonly jobId: JobId;
  readonly origin: JobOrigin;
  /** Notes for the user who starts the job, one line each. An example is what was excluded from the input. */
  readonly notes: readonly string[];
  /** Settings of the stores that hold the output. */
  readonly stores: JobStores;
  status(): JobStatus;
  metrics(): JobMetrics;
  /** Returns the data of the job's page that its status does not have. */
  view(): JobView;
  /**
   * Resolves with the last status once the job has ended. Rejects when this coordinator had to release it.
   */
  readonly ended: Promise<JobStatus>;
  /** Resolves once the end is durable, before the job's files are released. Default: only `ended` does. */
  readonly decided?: Promise<Pick<JobStatus, "phase">>;
  /** @throws {CANCEL_TOO_LATE} @throws {JOB_ENDED} */
  cancel(reason: string): Promise<void>;
  /** Resolves once the change is durable. @throws {PAUSE_TOO_LATE} @throws {JOB_ENDED} */
  changeStanding(change: Partial<Standing>): Promise<void>;
}

/**
 * Returns the handle of a running job. The job's files are released before `ended` resolves. After that only
 * the last status stays in memory, because the state is as large as the plan.
 */
export function handleOf({ job, origin, ...opened }: Extract<OpenedJob, { kind: "active" }>): JobHandle {
  const { jobId } = job;
  let running: ActiveJob | null = job;
  let last = job.status();
  // The user who restarts a job may not know that another user paused it.
  const paused = `the job is paused: continue it with \`shardmill resume ${jobId}\``;
  const notes = last.paused ? [...opened.notes, paused] : opened.notes;
  let lastMetrics = job.metrics();
  let lastView: JobView = NO_VIEW;
  const keepLast = (status: JobStatus): JobStatus => {
    last = status;
    lastMetrics = running?.metrics() ?? lastMetrics;
    const view = running?.view();
    lastView = view?.kind === "live" ? view.atEnd() : (view ?? lastView);
    running = null;
    return status;
  };
  const ended = endOf(job).then(keepLast, (error: unknown) => {
    keepLast(running?.status() ?? last);
    throw error;
  });
  ended.catch(() => {});
  return {
    jobId,
    origin,
    notes,
    // Addresses of input files are secrets that the output does not need.
    stores: { ...job.stores, addresses: {} },
    status: () => running?.status() ?? last,
    metrics: () => running?.metrics() ?? lastMetrics,
    view: () => running?.view() ?? lastView,
    ended,
    decided: job.ended,
    cancel: async (reason) => {
      if (running !== null) await running.report({ kind: "cancelRequested", reason });
      else if (last.phase === "published") throw tooLate(jobId);
      else if (last.phase !== "cancelled") throw jobEnded(jobId, last.phase);
    },
    changeStanding: async (change) => {
      if (running === null) throw jobEnded(jobId, last.phase);
      await running.report({ kind: "standingRequested", change });
    },
  };
}

async function endOf(job: ActiveJob): Promise<JobStatus> {
  try {
    await job.ended;
  } finally {
    // The job's end is durable by now, whatever happens to its files. A lock ends with its process. The next
    // run removes the leftovers of an ended job.
    await job.release().catch(ignorePlace);
  }
  return job.status();
}

export function jobEnded(jobId: JobId, phase: JobStatus["phase"]): ShardmillError {
  return new ShardmillError(
    "JOB_ENDED",
    phase === "failed" ? "the job has failed already" : `the job is ${phase} already`,
    { fields: { jobId } },
  );
}

function tooLate(jobId: JobId): ShardmillError {
  const message = "the job is published: it can no longer be cancelled";
  return new ShardmillError("CANCEL_TOO_LATE", message, { fields: { jobId } });
}

function ignorePlace(error: unknown): void {
  if (!isPlaceError(error) && !isShardmillError(error, "JOURNAL_FAILED")) throw error;
}

/** Returns the handle of a job that an earlier run published. It only reports the result. */
export function publishedHandle(opened: Extract<OpenedJob, { kind: "published" }>): JobHandle {
  const { manifest, manifestPath, spec, stores, origin, notes } = opened;
  const { input, pruned, skipped, deadLetters } = manifest.rows;
  const rows = input - pruned - skipped;
  const status: JobStatus = {
    ...NO_RUN,
    ...storedFacts(manifest),
    phase: "published",
    rowsTotal: rows,
    rowsPruned: pruned,
    rowsSkipped: skipped,
    rowsDone: rows,
    rowsCommitted: rows,
    ...recordOf(RUN_COUNTS, (name) => manifest.rows[ROW_COUNTS[name].run.manifest]),
    deadLetters,
    shardsTotal: manifest.shards,
    shardsCommitted: manifest.shards,
    ...NO_VERDICT,
    conversion: jobConversion(spec.model, checkedConversion(manifest)?.check ?? null),
    jobId: manifest.job.id,
    name: manifest.job.name,
    output: spec.output.path,
    manifest: manifestPath,
    rowsFormat: spec.output.rows,
    failure: null,
    ended: null,
    ...USUAL_STANDING,
  };
  const view = endedView(jobToShow(spec), manifest.history);
  const refuse = async () => {
    throw jobEnded(manifest.job.id, "published");
  };
  return {
    jobId: manifest.job.id,
    origin,
    notes,
    stores,
    status: () => status,
    metrics: () => idleMetrics(status),
    view: () => view,
    ended: Promise.resolve(status),
    cancel: refuse,
    changeStanding: refuse,
  };
}
