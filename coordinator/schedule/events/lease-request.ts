import type { ShardId } from "../../../shared/domain/shard.ts";
import { chooseBackup } from "../policy/backup.ts";
import { mustEmpty } from "../policy/emptying.ts";
import { excludedUntilMs } from "../policy/exclusion.ts";
import { holdsSuspect, openLease } from "../policy/leases.ts";
import { nextReadyAtMs, takePending, takeRunning } from "../policy/pending-queue.ts";
import type { NoLeaseReason } from "../state/effect.ts";
import type { EventOf } from "../state/event.ts";
import type { Turn } from "../state/event-context.ts";
import type { WorkerEntry } from "../state/job-state.ts";
import { refuseStaleSession } from "../state/worker-refusals.ts";

/**
 * Grants what the worker runs already, else the first pending shard in plan order, else a backup of a slow
 * one, else nothing.
 */
export function leaseRequested(turn: Turn, event: EventOf<"leaseRequested">): void {
  const worker = turn.state.workers.get(event.worker);
  if (worker === undefined) {
    refuseStaleSession(turn, event.worker);
  } else if (turn.state.phase !== "running") {
    noLease(turn, worker, "nothingPending", null);
  } else if (worker.leases.size >= worker.slots || holdsSuspect(worker)) {
    noLease(turn, worker, "slotsFull", null);
  } else {
    const untilMs = excludedUntilMs(turn.state, worker.name, turn.nowMs);
    if (untilMs !== null) noLease(turn, worker, "excluded", Number.isFinite(untilMs) ? untilMs : null);
    else if (mustEmpty(turn.state, worker, turn.nowMs)) noLease(turn, worker, "slotsFull", null);
    else grantLease(turn, worker, event.running ?? []);
  }
}

function grantLease(turn: Turn, worker: WorkerEntry, running: readonly ShardId[]): void {
  const { state, nowMs } = turn;
  const entry = takeRunning(state, running) ?? takePending(state, worker, nowMs);
  if (entry !== null) {
    openLease(turn, worker, entry, false);
    return;
  }
  if (state.counts.pending > 0) {
    noLease(turn, worker, "backingOff", nextReadyAtMs(state, nowMs));
    return;
  }
  const { lease, nextAtMs } = chooseBackup(state, worker, nowMs);
  if (lease === null) noLease(turn, worker, "nothingPending", nextAtMs);
  else openLease(turn, worker, lease.entry, true);
}

function noLease(turn: Turn, worker: WorkerEntry, why: NoLeaseReason, retryAtMs: number | null): void {
  turn.effects.push({ kind: "noLease", worker: worker.session, why, retryAtMs });
}
