import type { JobId } from "../../shared/domain/job-id.ts";
import type { StoreCounts } from "../../shared/domain/store-counts.ts";
import type { WorkerInfo, WorkerSession, WorkerStatus } from "../../shared/domain/worker.ts";
import type { WorkerReport } from "../insight/run-watch.ts";
import type { ActiveJob } from "../job/active-job.ts";

/** How busy a worker is, the batches that it makes, what it fetches. */
export type WorkloadReport = Omit<WorkerReport, "device" | "jobId">;

export const NO_REPORT: WorkloadReport = { busy: {}, padding: null, batch: null, fetching: null };

/** A worker in one of its lives. */
export interface Member {
  readonly session: WorkerSession;
  info: WorkerInfo;
  /** Of its process; undefined where the worker sent none. */
  readonly instance: string | undefined;
  readonly joinedMs: number;
  lastHeardMs: number;
  /** Since when its long poll has been gone without another call; null while connected. */
  disconnectedMs: number | null;
  /** As of its last heartbeat. */
  report: WorkloadReport;
  /** All that it asked of stores, as far as that was counted with a job: this one, as yet. */
  stores: readonly StoreCounts[];
  jobId: JobId | null;
  /** The job that it got its last shard of. */
  servedId: JobId | null;
  rowsCommitted: number;
  shardsCommitted: number;
  attemptsFailed: number;
}

/** What jobs think of workers, at a moment. */
export interface Judgement {
  readonly nowMs: number;
  readonly leasesOf: (session: WorkerSession) => number;
  readonly excludedMsOf: (name: string) => number | null;
  readonly refusalOf: (session: WorkerSession) => string | null;
}

export function statusOf(member: Member, judge: Judgement, aside: string | null = null): WorkerStatus {
  const { info, session, report } = member;
  const { nowMs, leasesOf, excludedMsOf, refusalOf } = judge;
  const excludedMs = excludedMsOf(info.name);
  return {
    ...info,
    session,
    excludedForSeconds: excludedMs === null ? null : excludedMs / 1000,
    refused: refusalOf(session),
    leases: leasesOf(session),
    rowsCommitted: member.rowsCommitted,
    shardsCommitted: member.shardsCommitted,
    attemptsFailed: member.attemptsFailed,
    secondsConnected: (nowMs - member.joinedMs) / 1000,
    secondsSinceHeartbeat: (nowMs - member.lastHeardMs) / 1000,
    busy: report.busy,
    batch: report.batch,
    fetching: report.fetching,
    aside,
  };
}

/** Collects what the jobs of a coordinator think of its workers. */
export function judgementOf(jobs: readonly ActiveJob[], nowMs: number): Judgement {
  return {
    nowMs,
    leasesOf: (session) => jobs.reduce((total, job) => total + job.leasesOf(session), 0),
    excludedMsOf: (name) => longestExclusion(jobs, name),
    refusalOf: (session) => firstRefusal(jobs, session),
  };
}

/** Jobs judge workers each for itself; of several the longest exclusion is shown. */
function longestExclusion(jobs: readonly ActiveJob[], name: string): number | null {
  const found = jobs.map((job) => job.excludedMs(name)).filter((ms) => ms !== null);
  return found.length === 0 ? null : Math.max(...found);
}

/** Why a job takes nothing from a worker, with the job that does not. */
function firstRefusal(jobs: readonly ActiveJob[], session: WorkerSession): string | null {
  const job = jobs.find((candidate) => candidate.refusalOf(session) !== null);
  return job === undefined ? null : `${job.jobId}: ${job.refusalOf(session)}`;
}
