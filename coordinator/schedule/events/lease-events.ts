import { assertNever } from "../../../shared/core/assert.ts";
import { ERROR_CODES } from "../../../shared/core/error-codes.ts";
import type { ShardId } from "../../../shared/domain/shard.ts";
import { refuseStaleSession, staleLease } from "../policy/answers.ts";
import { chooseBackup } from "../policy/backup.ts";
import { excludedUntilMs, strike } from "../policy/exclusion.ts";
import { failJob } from "../policy/job-end.ts";
import { endLease, holdsSuspect, openLease } from "../policy/leases.ts";
import { mustEmpty, nextReadyAtMs, takePending, takeRunning } from "../policy/pending-queue.ts";
import { refuseWorker } from "../policy/refusal.ts";
import { waitForStore } from "../policy/store-wait.ts";
import type { EventContext, NoLeaseReason } from "../state/effect.ts";
import type { EventOf } from "../state/event.ts";
import type { WorkerEntry } from "../state/job-state.ts";
import { liveLease } from "../state/job-state.ts";
import type { AttemptEnd, FailureReason } from "../state/record.ts";
import { placeFields } from "../state/shard-place.ts";
import type { LeaseEntry } from "../state/shard-state.ts";

/**
 * Grants a shard. A shard that the worker already runs comes first. Then the first pending one in plan order
 * follows, then a backup of a slow one. A paused job grants only the first kind.
 */
export function leaseRequested(context: EventContext, event: EventOf<"leaseRequested">): void {
  const worker = context.state.workers.get(event.worker);
  if (worker === undefined) {
    refuseStaleSession(context, event.worker);
  } else if (context.state.phase.kind !== "running") {
    noLease(context, worker, "nothingPending", null);
  } else if (worker.leases.size >= worker.slots || holdsSuspect(worker)) {
    noLease(context, worker, "slotsFull", null);
  } else {
    const untilMs = excludedUntilMs(context.state, worker.name, context.nowMs);
    if (untilMs !== null) noLease(context, worker, "excluded", Number.isFinite(untilMs) ? untilMs : null);
    else if (mustEmpty(context.state, worker, context.nowMs)) noLease(context, worker, "slotsFull", null);
    else grantLease(context, worker, event.running ?? []);
  }
}

function grantLease(context: EventContext, worker: WorkerEntry, running: readonly ShardId[]): void {
  const { state, nowMs } = context;
  const { paused } = state.standing;
  const entry = takeRunning(state, running) ?? (paused ? null : takePending(state, worker, nowMs));
  if (entry !== null) {
    openLease(context, worker, entry, false);
    return;
  }
  if (paused) {
    noLease(context, worker, "paused", null);
    return;
  }
  if (state.counts.pending > 0) {
    noLease(context, worker, "backingOff", nextReadyAtMs(state, nowMs));
    return;
  }
  const { lease, nextAtMs } = chooseBackup(state, worker, nowMs);
  if (lease === null) noLease(context, worker, "nothingPending", nextAtMs);
  else openLease(context, worker, lease.entry, true);
}

function noLease(
  context: EventContext,
  worker: WorkerEntry,
  why: NoLeaseReason,
  retryAtMs: number | null,
): void {
  context.effects.push({ kind: "noLease", worker: worker.session, why, retryAtMs });
}

/** Ends an attempt that failed. The error's code decides what follows, see ERROR_CODES. */
export function attemptFailed(context: EventContext, event: EventOf<"attemptFailed">): void {
  const lease = leaseOf(context, event);
  if (lease === null) return;
  context.effects.push({ kind: "done" });
  const { reason } = event;
  const { attempt } = ERROR_CODES[reason.code];
  switch (attempt) {
    case "refuse":
      refuseWorker(context, event.worker, reason);
      return;
    case "wait":
      waitForStore(context, lease, reason);
      return;
    case "release":
      endLease(context, lease, { kind: "released" });
      return;
    case "lost":
      failLease(context, lease, { kind: "lost", message: reason.message });
      return;
    case "count":
    case "failJob":
      failLease(context, lease, { kind: "failed", code: reason.code, message: reason.message });
      if (attempt === "failJob") failJob(context, withPlace(context, lease, reason));
      return;
    default:
      assertNever(attempt);
  }
}

function failLease(context: EventContext, lease: LeaseEntry, end: AttemptEnd): void {
  endLease(context, lease, end);
  strike(context, lease.workerName, [lease.entry]);
}

/** Ends a lease that the worker returned unfinished. Nothing counts as a failure. */
export function leaseReleased(context: EventContext, event: EventOf<"leaseReleased">): void {
  const lease = leaseOf(context, event);
  if (lease === null) return;
  context.effects.push({ kind: "done" });
  endLease(context, lease, { kind: "released" });
}

/** Returns the live lease in the event. Null: the event has been refused. */
function leaseOf(
  context: EventContext,
  event: EventOf<"attemptFailed"> | EventOf<"leaseReleased">,
): LeaseEntry | null {
  const { state, effects } = context;
  const { worker, shard, token } = event;
  if (!state.workers.has(worker)) {
    refuseStaleSession(context, worker);
    return null;
  }
  const lease = liveLease(state, worker, token);
  if (lease !== undefined && lease.entry.shard.id === shard) return lease;
  effects.push({ kind: "refuse", reason: staleLease(shard, token) });
  return null;
}

function withPlace(
  context: EventContext,
  { entry, workerName }: LeaseEntry,
  reason: FailureReason,
): FailureReason {
  const fields = { ...placeFields(context.state, entry), worker: workerName, ...reason.fields };
  return { ...reason, fields };
}
