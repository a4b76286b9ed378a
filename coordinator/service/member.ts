import type { StoreCounts } from "../../shared/domain/store-counts.ts";
import type { WorkerInfo, WorkerSession, WorkerStatus } from "../../shared/domain/worker.ts";
import type { WorkerReport } from "../insight/run-watch.ts";

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
  jobId: string | null;
  /** The job that it got its last shard of. */
  servedId: string | null;
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
