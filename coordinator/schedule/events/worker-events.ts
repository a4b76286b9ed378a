import { assertNever } from "../../../shared/core/assert.ts";
import { shardRows } from "../../../shared/domain/shard.ts";
import { compareTokens, type Token } from "../../../shared/domain/token.ts";
import { refuseStaleSession } from "../policy/answers.ts";
import { forgetOldStrikes, keepSomebody, strike } from "../policy/exclusion.ts";
import { failJob } from "../policy/job-end.ts";
import { endLease } from "../policy/leases.ts";
import { endAbsence, refusalIsOver, refuseWorker, removeWorker } from "../policy/refusal.ts";
import { endStoreWait } from "../policy/store-wait.ts";
import type { EventContext } from "../state/effect.ts";
import type { EventOf } from "../state/event.ts";
import type { JobState, WorkerEntry } from "../state/job-state.ts";
import { liveLease } from "../state/job-state.ts";
import type { AttemptEnd } from "../state/record.ts";
import { offersOf } from "../state/shard-state.ts";

/** A session joins once; a second event changes nothing. */
export function workerJoined(context: EventContext, { worker, name, slots }: EventOf<"workerJoined">): void {
  const { state, nowMs } = context;
  if (state.workers.has(worker)) return;
  state.workers.set(worker, { session: worker, name, slots, leases: new Set(), movedMs: nowMs });
  state.workerNames.set(name, (state.workerNames.get(name) ?? 0) + 1);
  endAbsence(context);
  keepSomebody(context);
}

/** Its leases end: with a death they count against their shards, with silence or a goodbye they do not. */
export function workerLost(context: EventContext, event: EventOf<"workerLost">): void {
  if (removeWorker(context, event.worker, endWith(event)) === null) return;
  // A worker that was not refused was here, and may come back: its longer grace applies.
  context.state.refusal = null;
}

function endWith({ how, message }: EventOf<"workerLost">): AttemptEnd {
  switch (how) {
    case "died":
      return { kind: "died", message };
    case "silent":
      return { kind: "expired" };
    case "left":
      return { kind: "released" };
    default:
      return assertNever(how);
  }
}

export function workerRefused(context: EventContext, { worker, reason }: EventOf<"workerRefused">): void {
  refuseWorker(context, worker, reason);
}

/**
 * Renews the leases that are live; a lease that is not here any more is lost, and its worker drops the shard.
 */
export function heartbeat(context: EventContext, event: EventOf<"heartbeat">): void {
  const { state, nowMs, effects } = context;
  const worker = state.workers.get(event.worker);
  if (worker === undefined) {
    refuseStaleSession(context, event.worker);
    return;
  }
  for (const { token, shard, rowsDone } of event.leases) {
    const lease = liveLease(state, event.worker, token);
    if (lease?.entry.shard.id !== shard) continue;
    lease.expiresMs = nowMs + state.config.leaseMs;
    const before = lease.rowsDone;
    lease.rowsDone = Math.min(Math.max(before, rowsDone), shardRows(lease.entry.shard));
    if (lease.rowsDone > before) worker.movedMs = nowMs;
    if (lease.rowsDone > before) endStoreWait(context);
  }
  endStalled(context, worker);
  const leases = event.leases.map(({ token, shard }) => {
    const lease = liveLease(state, event.worker, token);
    const live = lease?.entry.shard.id === shard || isBeingVerified(state, shard, token);
    return { token, shard, live };
  });
  effects.push({ kind: "heartbeatReply", worker: event.worker, leases });
}

/**
 * A worker that is here but does nothing: its oldest attempt has failed, and its other leases go back
 * unmarked. The time is the worker's, not the lease's: a shard that is prefetched waits for as long as the
 * one before it takes.
 */
function endStalled(context: EventContext, worker: WorkerEntry): void {
  const { nowMs, state } = context;
  const { stallMs } = state.config;
  if (worker.leases.size === 0 || nowMs - worker.movedMs < stallMs) return;
  worker.movedMs = nowMs;
  const [stalled, ...others] = worker.leases;
  if (stalled === undefined) return;
  const message = `no row was finished for ${Math.round(stallMs / 1000)} s`;
  endLease(context, stalled, { kind: "failed", code: "ATTEMPT_STALLED", message });
  for (const lease of others) if (lease.live) endLease(context, lease, { kind: "expired" });
  strike(context, worker.name, [stalled.entry]);
}

/** Whether the partial of this token is being verified: then the lease is over, and the work is not lost. */
function isBeingVerified(state: JobState, shard: number, token: Token): boolean {
  const entry = state.shards[shard];
  if (entry === undefined) return false;
  return offersOf(entry.state).some(({ partial }) => compareTokens(partial.token, token) === 0);
}

/** Time has passed: leases run out, and a job without workers gives up after its grace. */
export function tick(context: EventContext): void {
  expireLeases(context);
  forgetOldStrikes(context);
  watchForWorkers(context);
}

/** Nobody's fault: the shard goes back without a mark. A late partial of it is still welcome. */
function expireLeases(context: EventContext): void {
  const { expiries } = context.state;
  for (let next = expiries.peek(); next !== undefined; next = expiries.peek()) {
    if (next.atMs > context.nowMs) return;
    expiries.pop();
    const { lease } = next;
    if (!lease.live) continue;
    if (lease.expiresMs > context.nowMs) expiries.push({ atMs: lease.expiresMs, lease });
    else endLease(context, lease, { kind: "expired" });
  }
}

function watchForWorkers(context: EventContext): void {
  const { state, nowMs } = context;
  const wantsWorkers = state.phase.kind === "running" && !state.standing.paused;
  if (!wantsWorkers) state.refusal = null;
  if (!wantsWorkers || state.workers.size > 0) {
    state.noWorkersSinceMs = null;
    return;
  }
  state.noWorkersSinceMs ??= nowMs;
  if (state.refusal !== null) {
    if (refusalIsOver(context, state.refusal)) failJob(context, state.refusal.reason);
    return;
  }
  const { noWorkersGraceMs } = state.config;
  if (nowMs - state.noWorkersSinceMs < noWorkersGraceMs) return;
  const seconds = Math.round(noWorkersGraceMs / 1000);
  failJob(context, {
    code: "NO_WORKERS",
    message: `no worker has been here for ${seconds} s, and there are shards left`,
    fields: { graceMs: noWorkersGraceMs, shardsLeft: state.counts.pending },
  });
}
