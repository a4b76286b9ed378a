import { forgetOldStrikes } from "../policy/exclusion.ts";
import { failJob } from "../policy/job-end.ts";
import { endLease } from "../policy/leases.ts";
import type { EventContext } from "../state/event-context.ts";

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
  if (state.phase.kind !== "running" || state.workers.size > 0) {
    state.noWorkersSinceMs = null;
    return;
  }
  state.noWorkersSinceMs ??= nowMs;
  const { noWorkersGraceMs, refusedGraceMs } = state.config;
  if (state.refusal !== null && nowMs - state.noWorkersSinceMs >= refusedGraceMs) {
    failJob(context, state.refusal);
    return;
  }
  if (nowMs - state.noWorkersSinceMs < noWorkersGraceMs) return;
  const seconds = Math.round(noWorkersGraceMs / 1000);
  failJob(context, {
    code: "NO_WORKERS",
    message: `no worker has been here for ${seconds} s, and there are shards left`,
    fields: { graceMs: noWorkersGraceMs, shardsLeft: state.counts.pending },
  });
}
