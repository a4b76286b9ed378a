import { forgetOldStrikes } from "../policy/exclusion.ts";
import { failJob } from "../policy/job-end.ts";
import { endLease } from "../policy/leases.ts";
import type { Turn } from "../state/event-context.ts";

/** Time has passed: leases run out, and a job without workers gives up after its grace. */
export function tick(turn: Turn): void {
  expireLeases(turn);
  forgetOldStrikes(turn);
  watchForWorkers(turn);
}

/** Nobody's fault: the shard goes back without a mark. A late partial of it is still welcome. */
function expireLeases(turn: Turn): void {
  const { expiries } = turn.state;
  for (let next = expiries.peek(); next !== undefined; next = expiries.peek()) {
    if (next.atMs > turn.nowMs) return;
    expiries.pop();
    const { lease } = next;
    if (!lease.live) continue;
    if (lease.expiresMs > turn.nowMs) expiries.push({ atMs: lease.expiresMs, lease });
    else endLease(turn, lease, { kind: "expired" });
  }
}

function watchForWorkers(turn: Turn): void {
  const { state, nowMs } = turn;
  if (state.phase !== "running" || state.workers.size > 0) {
    state.noWorkersSinceMs = null;
    return;
  }
  state.noWorkersSinceMs ??= nowMs;
  const { noWorkersGraceMs, refusedGraceMs } = state.config;
  if (state.refusal !== null && nowMs - state.noWorkersSinceMs >= refusedGraceMs) {
    failJob(turn, state.refusal);
    return;
  }
  if (nowMs - state.noWorkersSinceMs < noWorkersGraceMs) return;
  const seconds = Math.round(noWorkersGraceMs / 1000);
  failJob(turn, {
    code: "NO_WORKERS",
    message: `no worker has been here for ${seconds} s, and there are shards left`,
    fields: { graceMs: noWorkersGraceMs, shardsLeft: state.counts.pending },
  });
}
