import type { JobId } from "../../shared/domain/job-id.ts";
import type { StoreCounts } from "../../shared/domain/store-counts.ts";
import type { WorkerInfo, WorkerSession, WorkerStatus } from "../../shared/domain/worker.ts";
import type { WorkerReport } from "../insight/run-watch.ts";
import type { ActiveJob } from "../job/active-job.ts";

/** Load of a worker: its busy time, its batches and its fetching. */
export type WorkloadReport = Omit<WorkerReport, "device" | "jobId">;

export const NO_REPORT: WorkloadReport = { busy: {}, padding: null, batch: null, fetching: null };

/** Worker in one session. */
export interface Member {
  readonly session: WorkerSession;
  info: WorkerInfo;
  /** Instance of its process. Undefined: the worker sent none. */
  readonly instance: string | undefined;
  readonly joinedMs: number;
  lastHeardMs: number;
  /** Time since which it has no open request and has made no other call. Null: connected. */
  disconnectedMs: number | null;
  /** Report of its last heartbeat. */
  report: WorkloadReport;
  /** Store requests of the worker that are already counted for a job. All are counted for its current job. */
  stores: readonly StoreCounts[];
  jobId: JobId | null;
  /** Job of the last shard that it got. */
  servedId: JobId | null;
  rowsCommitted: number;
  shardsCommitted: number;
  attemptsFailed: number;
}

/** Facts about workers that the jobs know, at one moment. */
export interface Judgement {
  readonly nowMs: number;
  readonly leasesOf: (session: WorkerSession) => number;
  readonly excludedMsOf: (name: string) => number | null;
  readonly refusalOf: (session: WorkerSession) => string | null;
}

export function statusOf(member: Member, judge: Judgement, gpuFault: string | null = null): WorkerStatus {
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
    gpuFault,
  };
}

/** Combines what the jobs of a coordinator know about its workers. */
export function judgementOf(jobs: readonly ActiveJob[], nowMs: number): Judgement {
  return {
    nowMs,
    leasesOf: (session) => jobs.reduce((total, job) => total + job.leasesOf(session), 0),
    excludedMsOf: (name) => longestExclusion(jobs, name),
    refusalOf: (session) => firstRefusal(jobs, session),
  };
}

/** Returns a worker's longest exclusion, because each job excludes workers on its own. */
function longestExclusion(jobs: readonly ActiveJob[], name: string): number | null {
  const found = jobs.map((job) => job.excludedMs(name)).filter((ms) => ms !== null);
  return found.length === 0 ? null : Math.max(...found);
}

/** Returns the reason why a job refuses a worker, with the job's ID. */
function firstRefusal(jobs: readonly ActiveJob[], session: WorkerSession): string | null {
  const job = jobs.find((candidate) => candidate.refusalOf(session) !== null);
  return job === undefined ? null : `${job.jobId}: ${job.refusalOf(session)}`;
}
