import type { WorkerSession } from "../../../shared/domain/worker.ts";
import type { RefusalKind } from "../state/config.ts";
import type { EventContext } from "../state/effect.ts";
import type { JobState, WorkerEntry } from "../state/job-state.ts";
import type { AttemptEnd, FailureReason } from "../state/record.ts";
import { keepOneWorker, strike } from "./exclusion.ts";
import { endLease } from "./leases.ts";

/**
 * Removes a worker that cannot run this job. Its shards return without a failure, as if it had left. The job
 * fails with the reason only when no other worker comes within a grace.
 */
export function refuseWorker(context: EventContext, session: WorkerSession, reason: FailureReason): void {
  const { state } = context;
  if (removeWorker(context, session, { kind: "released" }) === null) return;
  state.refusal = { reason, absentMs: state.refusal?.absentMs ?? 0 };
}

/** Notes that a worker joined after a time without workers. */
export function endAbsence({ state, nowMs }: EventContext): void {
  if (state.refusal !== null) state.refusal.absentMs += nowMs - (state.noWorkersSinceMs ?? nowMs);
  state.noWorkersSinceMs = null;
}

/** Checks whether the job has had no workers but refused ones for its grace. */
export function refusalIsOver(
  { state, nowMs }: EventContext,
  { reason, absentMs }: NonNullable<JobState["refusal"]>,
): boolean {
  const kind: RefusalKind = reason.code === "DEVICE_WRONG" ? "device" : "unfit";
  return absentMs + nowMs - (state.noWorkersSinceMs ?? nowMs) >= state.config.refusedGraceMs[kind];
}

/** Ends a worker's leases and removes its session. Returns null for an unknown session. */
export function removeWorker(
  context: EventContext,
  session: WorkerSession,
  end: AttemptEnd,
): WorkerEntry | null {
  const { state, nowMs } = context;
  const worker = state.workers.get(session);
  if (worker === undefined) return null;
  const leases = [...worker.leases];
  for (const lease of leases) {
    // A verdict on the first lease may have ended the job, and with it the other leases.
    if (lease.live) endLease(context, lease, end);
  }
  const shards = leases.map(({ entry }) => entry);
  // A crash is one strike, however many leases the worker had.
  if (end.kind === "lost") strike(context, worker.name, shards);
  state.workers.delete(session);
  const namesakes = (state.workerNames.get(worker.name) ?? 1) - 1;
  if (namesakes > 0) state.workerNames.set(worker.name, namesakes);
  else state.workerNames.delete(worker.name);
  if (state.workers.size === 0) state.noWorkersSinceMs = nowMs;
  keepOneWorker(context);
  return worker;
}
