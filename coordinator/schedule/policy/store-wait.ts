import type { EventContext } from "../state/effect.ts";
import type { FailureReason } from "../state/record.ts";
import { placeFields, placeOf } from "../state/shard-place.ts";
import type { LeaseEntry } from "../state/shard-state.ts";
import { failJob } from "./job-end.ts";
import { endLease } from "./leases.ts";
import { storeDelayMs } from "./store-delay.ts";

/**
 * Returns a shard to the queue when its store throttles or is unreachable. No failure counts for the shard or
 * the worker. The job fails once one shard has waited for longer than the grace.
 */
export function waitForStore(context: EventContext, lease: LeaseEntry, reason: FailureReason): void {
  const { state, nowMs } = context;
  const { entry, session } = lease;
  // The wait starts at the last row, because a shard may read for an hour before its store fails.
  const movedMs = Math.max(lease.startedMs, state.workers.get(session)?.movedMs ?? 0);
  const waitedMs = (state.storeWaits.get(entry) ?? 0) + nowMs - movedMs;
  state.storeWaits.set(entry, waitedMs);
  state.storeWait = { reason, sinceMs: state.storeWait?.sinceMs ?? movedMs };
  if (waitedMs < state.config.storeGraceMs) {
    endLease(context, lease, { kind: "released" });
    state.storeWaits.set(entry, waitedMs + storeDelayMs(state, entry));
    return;
  }
  endLease(context, lease, { kind: "failed", code: reason.code, message: reason.message });
  const seconds = Math.round(waitedMs / 1000);
  failJob(context, {
    ...reason,
    message: `${reason.message}, and ${placeOf(state, entry)} has waited for it for ${seconds} s`,
    fields: { ...placeFields(state, entry), ...reason.fields, waitedSeconds: seconds },
  });
}

/** Notes that a shard made progress, so the job waits for no store. */
export function endStoreWait({ state }: EventContext): void {
  state.storeWait = null;
}
