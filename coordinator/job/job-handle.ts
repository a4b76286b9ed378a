import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import { NO_VERDICT } from "../../shared/domain/bottleneck.ts";
import type { JobStatus } from "../../shared/domain/job-status.ts";
import { jobPrecision } from "../../shared/domain/precision.ts";
import { errorCode } from "../commit/check-file.ts";
import type { ActiveJob } from "./active-job.ts";
import type { JobHandle } from "./jobs-desk.ts";
import type { TakenUp } from "./take-up.ts";

/** A running job as people ask after it. Its files are let go of before `ended` resolves. */
export function handleOf(taken: Extract<TakenUp, { kind: "active" }>): JobHandle {
  const { job, origin, notes } = taken;
  const ended = endOf(job);
  ended.catch(() => {});
  return {
    jobId: job.jobId,
    origin,
    notes,
    status: () => job.status(),
    ended,
    cancel: (reason) => job.tell({ kind: "cancelRequested", reason }),
  };
}

async function endOf(job: ActiveJob): Promise<JobStatus> {
  try {
    await job.ended;
  } finally {
    // How the job ended is durable by now, whatever becomes of its files: a lock dies with its process, and what is left
    // of an ended job is removed by its next run.
    await job.release().catch(ignoreDisk);
  }
  return job.status();
}

function ignoreDisk(error: unknown): void {
  if (errorCode(error) === null && !isShardmillError(error, "JOURNAL_FAILED")) throw error;
}

/** A job that was published by an earlier run: nothing is left to do but to say so. */
export function publishedHandle(taken: Extract<TakenUp, { kind: "published" }>): JobHandle {
  const { manifest, manifestPath, spec } = taken;
  const rows = manifest.rows.output + manifest.rows.deadLetters;
  const status: JobStatus = {
    jobId: manifest.job.id,
    name: manifest.job.name,
    phase: "published",
    rowsTotal: rows,
    rowsDone: rows,
    rowsCommitted: rows,
    deadLetters: manifest.rows.deadLetters,
    shardsTotal: manifest.shards,
    shardsCommitted: manifest.shards,
    shardsLeased: 0,
    attempts: manifest.attempts,
    attemptsFailed: 0,
    workers: 0,
    seconds: 0,
    rowsPerSecond: 0,
    secondsLeft: null,
    ...NO_VERDICT,
    precision: jobPrecision(spec.model.precision, manifest.precision),
    output: spec.output.path,
    manifest: manifestPath,
    failure: null,
  };
  return {
    jobId: manifest.job.id,
    origin: { kind: "published" },
    notes: [],
    status: () => status,
    ended: Promise.resolve(status),
    cancel: async () => {
      throw new ShardmillError("JOB_ENDED", "the job is already published", {
        fields: { jobId: manifest.job.id },
      });
    },
  };
}
