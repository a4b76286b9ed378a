import { ERROR_CODES } from "../../../shared/core/errors.ts";
import { strike } from "../policy/exclusion.ts";
import { failJob } from "../policy/job-end.ts";
import { endLease } from "../policy/leases.ts";
import type { EventOf } from "../state/event.ts";
import type { Turn } from "../state/event-context.ts";
import { liveLease } from "../state/lease-index.ts";
import type { AttemptEnd, FailureReason } from "../state/record.ts";
import { placeFields } from "../state/shard-place.ts";
import type { Lease } from "../state/shard-state.ts";
import { refuseStaleSession, staleLease } from "../state/worker-refusals.ts";

/** An execution failed. What comes next is a property of the error's code: see ERROR_CODES. */
export function attemptFailed(turn: Turn, event: EventOf<"attemptFailed">): void {
  const lease = leaseOf(turn, event);
  if (lease === null) return;
  turn.effects.push({ kind: "done" });
  const end = endOf(event.reason);
  endLease(turn, lease, end);
  if (end.kind !== "released") strike(turn, lease.workerName, [lease.entry]);
  if (ERROR_CODES[event.reason.code].next === "failJob") failJob(turn, withPlace(turn, lease, event.reason));
}

/** Handed back unfinished: nobody's fault. */
export function leaseReleased(turn: Turn, event: EventOf<"leaseReleased">): void {
  const lease = leaseOf(turn, event);
  if (lease === null) return;
  turn.effects.push({ kind: "done" });
  endLease(turn, lease, { kind: "released" });
}

/** The live lease that the event is about, or null once the event has been refused. */
function leaseOf(turn: Turn, event: EventOf<"attemptFailed"> | EventOf<"leaseReleased">): Lease | null {
  const { state, effects } = turn;
  const { worker, shard, token } = event;
  if (!state.workers.has(worker)) {
    refuseStaleSession(turn, worker);
    return null;
  }
  const lease = liveLease(state, worker, token);
  if (lease !== undefined && lease.entry.shard.id === shard) return lease;
  effects.push({ kind: "refuse", reason: staleLease(shard, token) });
  return null;
}

/** A worker that stopped (its lease was lost, or it was told to) is no fault of the shard. */
function endOf({ code, message }: FailureReason): AttemptEnd {
  if (code === "WORKER_DIED") return { kind: "died", message };
  if (code === "INTERRUPTED" || ERROR_CODES[code].next === "drop") return { kind: "released" };
  return { kind: "failed", code, message };
}

function withPlace(turn: Turn, { entry, workerName }: Lease, reason: FailureReason): FailureReason {
  const fields = { ...placeFields(turn.state, entry), worker: workerName, ...reason.fields };
  return { ...reason, fields };
}
