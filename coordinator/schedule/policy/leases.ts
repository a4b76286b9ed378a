import { type Token, tokenKey } from "../../../shared/domain/token.ts";
import { type EventContext, recordSoon, wakeWorker } from "../state/effect.ts";
import type { WorkerEntry } from "../state/job-state.ts";
import { detachLease } from "../state/job-state.ts";
import { moveShard } from "../state/moves.ts";
import type { AttemptEnd } from "../state/record.ts";
import { isSuspect, type LeaseEntry, leasesOf, type ShardEntry } from "../state/shard-state.ts";
import { returnToPending } from "./verdict.ts";

/** Grants a shard to a worker under a new token. */
export function openLease(
  context: EventContext,
  worker: WorkerEntry,
  entry: ShardEntry,
  backup: boolean,
): void {
  const { state, nowMs } = context;
  state.sequence += 1;
  const token: Token = { generation: state.generation, sequence: state.sequence };
  const { leaseMs } = state.config;
  recordSoon(context, { kind: "leaseGranted", shard: entry.shard.id, token, worker: worker.name, backup });
  const lease: LeaseEntry = {
    entry,
    token,
    session: worker.session,
    workerName: worker.name,
    backup,
    startedMs: nowMs,
    expiresMs: nowMs + leaseMs,
    rowsDone: 0,
    live: true,
  };
  if (worker.leases.size === 0) worker.movedMs = nowMs;
  moveShard(state, entry, "granted", { kind: "leased", leases: [...leasesOf(entry.state), lease] });
  state.leases.set(tokenKey(token), lease);
  worker.leases.add(lease);
  state.expiries.push({ atMs: lease.expiresMs, lease });
  context.effects.push({ kind: "grant", worker: worker.session, shard: entry.shard, token, leaseMs });
}

/**
 * Ends a lease. The shard keeps its state if other leases or offers remain. Otherwise it is pending again.
 */
export function endLease(context: EventContext, lease: LeaseEntry, end: AttemptEnd): void {
  const { state } = context;
  const { entry, token, workerName: worker } = lease;
  detachLease(state, lease);
  recordSoon(context, { kind: "attemptEnded", shard: entry.shard.id, token, worker, end });
  const leases = leasesOf(entry.state).filter((other) => other !== lease);
  if (entry.state.kind === "committing") {
    const { offer, waiting } = entry.state;
    moveShard(state, entry, "leaseEnded", { kind: "committing", offer, waiting, leases });
  } else if (leases.length > 0) {
    moveShard(state, entry, "leaseEnded", { kind: "leased", leases });
  } else {
    returnToPending(context, entry, "leaseEnded", end);
  }
  wakeWorker(context, lease.session);
}

/** Checks whether the worker runs a shard that must run alone. */
export function holdsSuspect(worker: WorkerEntry): boolean {
  for (const lease of worker.leases) if (isSuspect(lease.entry)) return true;
  return false;
}
