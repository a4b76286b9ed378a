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
import { keptFacts, NO_RUN } from "../../shared/domain/run-facts.ts";
import { type Standing, USUAL_STANDING } from "../../shared/domain/standing.ts";
import { isPlaceError } from "../../shared/storage/errors.ts";
import type { ActiveJob } from "./active-job.ts";
import { metricsAtRest } from "./job-metrics.ts";
import type { JobOrigin } from "./job-origin.ts";
import { endedView, jobToShow, NO_VIEW } from "./job-view.ts";
import type { OpenedJob } from "./opened-job.ts";

/** A job as people ask after it, running or ended. */
export interface JobHandle {
  readonly jobId: JobId;
  readonly origin: JobOrigin;
  /** What whoever starts it should know, a line each: what was left out of the input, for one. */
  readonly notes: readonly string[];
  /** By which its output is reached. */
  readonly stores: JobStores;
  status(): JobStatus;
  metrics(): JobMetrics;
  /** What the page shows of it beside its status. */
  view(): JobView;
  /**
   * Resolves with the last status once the job has ended; rejects when this coordinator had to let go of it.
   */
  readonly ended: Promise<JobStatus>;
  /** @throws {CANCEL_TOO_LATE} @throws {JOB_ENDED} */
  cancel(reason: string): Promise<void>;
  /** Durable when it resolves. @throws {PAUSE_TOO_LATE} @throws {JOB_ENDED} */
  changeStanding(change: Partial<Standing>): Promise<void>;
}

/**
 * A running job as people ask after it. Its files are let go of before `ended` resolves; from then on only
 * its last status is kept, for its state is as large as its plan.
 */
export function handleOf({ job, origin, ...opened }: Extract<OpenedJob, { kind: "active" }>): JobHandle {
  const { jobId } = job;
  let running: ActiveJob | null = job;
  let last = job.status();
  // Who starts it again may not know that somebody paused it.
  const paused = `the job is paused: go on with \`shardmill resume ${jobId}\``;
  const notes = last.paused ? [...opened.notes, paused] : opened.notes;
  let lastMetrics = job.metrics();
  let lastView: JobView = NO_VIEW;
  const letGo = (status: JobStatus): JobStatus => {
    last = status;
    lastMetrics = running?.metrics() ?? lastMetrics;
    const view = running?.view();
    lastView = view?.kind === "live" ? view.kept() : (view ?? lastView);
    running = null;
    return status;
  };
  const ended = endOf(job).then(letGo, (error: unknown) => {
    letGo(running?.status() ?? last);
    throw error;
  });
  ended.catch(() => {});
  return {
    jobId,
    origin,
    notes,
    // Those of its input are nobody's any more.
    stores: { ...job.stores, addresses: {} },
    status: () => running?.status() ?? last,
    metrics: () => running?.metrics() ?? lastMetrics,
    view: () => running?.view() ?? lastView,
    ended,
    cancel: async (reason) => {
      if (running !== null) await running.tell({ kind: "cancelRequested", reason });
      else if (last.phase === "published") throw tooLate(jobId);
      else if (last.phase !== "cancelled") throw jobEnded(jobId, last.phase);
    },
    changeStanding: async (change) => {
      if (running === null) throw jobEnded(jobId, last.phase);
      await running.tell({ kind: "standingRequested", change });
    },
  };
}

async function endOf(job: ActiveJob): Promise<JobStatus> {
  try {
    await job.ended;
  } finally {
    // How the job ended is durable by now, whatever becomes of its files: a lock dies with its process, and
    // what is left of an ended job is removed by its next run.
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

/** A job that was published by an earlier run: nothing is left to do but to say so. */
export function publishedHandle(opened: Extract<OpenedJob, { kind: "published" }>): JobHandle {
  const { manifest, manifestPath, spec, stores, origin, notes } = opened;
  const { input, pruned, skipped, deadLetters } = manifest.rows;
  const rows = input - pruned - skipped;
  const status: JobStatus = {
    ...NO_RUN,
    ...keptFacts(manifest),
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
    metrics: () => metricsAtRest(status),
    view: () => view,
    ended: Promise.resolve(status),
    cancel: refuse,
    changeStanding: refuse,
  };
}
