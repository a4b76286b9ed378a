import { assertNever } from "../../../shared/core/assert.ts";
import { shardRows } from "../../../shared/domain/shard.ts";
import { compareTokens, type Token } from "../../../shared/domain/token.ts";
import { refuseStaleSession } from "../policy/answers.ts";
import { forgetOldStrikes, keepOneWorker, strike } from "../policy/exclusion.ts";
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

/** Adds a worker session. A second event of the same session changes nothing. */
export function workerJoined(context: EventContext, { worker, name, slots }: EventOf<"workerJoined">): void {
  const { state, nowMs } = context;
  if (state.workers.has(worker)) return;
  state.workers.set(worker, { session: worker, name, slots, leases: new Set(), movedMs: nowMs });
  state.workerNames.set(name, (state.workerNames.get(name) ?? 0) + 1);
  endAbsence(context);
  keepOneWorker(context);
}

/**
 * Ends the leases of a lost worker. They count against their shards if its process exited, but not if it was
 * silent or left.
 */
export function workerLost(context: EventContext, event: EventOf<"workerLost">): void {
  if (removeWorker(context, event.worker, endWith(event)) === null) return;
  // A worker that was not refused has been here and may return, so its longer grace applies.
  context.state.refusal = null;
}

function endWith({ how, message }: EventOf<"workerLost">): AttemptEnd {
  switch (how) {
    case "exited":
      return { kind: "lost", message };
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

/** Renews the live leases. A worker drops the shard of a lease that is reported as lost. */
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
 * Ends the leases of a worker that makes no progress. The oldest attempt fails. The other shards return
 * without a failure. The time is measured per worker, because a prefetched shard waits as long as the
 * previous one takes.
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

/**
 * Checks whether the partial with this token is being verified. Then the lease is over, but its work is not
 * lost.
 */
function isBeingVerified(state: JobState, shard: number, token: Token): boolean {
  const entry = state.shards[shard];
  if (entry === undefined) return false;
  return offersOf(entry.state).some(({ partial }) => compareTokens(partial.token, token) === 0);
}

/** Handles the passing of time: leases expire, and a job without workers fails after its grace. */
export function tick(context: EventContext): void {
  expireLeases(context);
  forgetOldStrikes(context);
  watchForWorkers(context);
}

/** Ends expired leases. Their shards return without a failure, and late partials are still accepted. */
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
    message: `no worker was connected for ${seconds} s, and there are shards left`,
    fields: { graceMs: noWorkersGraceMs, shardsLeft: state.counts.pending },
  });
}
