import type { ShardId } from "../../../shared/domain/shard.ts";
import { type Token, tokenKey } from "../../../shared/domain/token.ts";
import type { WorkerSession } from "../../../shared/domain/worker.ts";
import type { Turn } from "./event-context.ts";
import type { FailureReason } from "./record.ts";

/** The worker must register again: this coordinator does not know it, or has taken it for dead. */
export function staleSession(worker: WorkerSession): FailureReason {
  const message = "this worker session is not known here (any more): register again";
  return { code: "SESSION_STALE", message, fields: { session: worker } };
}

export function refuseStaleSession(turn: Turn, worker: WorkerSession): void {
  turn.effects.push({ kind: "refuse", reason: staleSession(worker) });
}

export function staleLease(shard: ShardId, token: Token): FailureReason {
  const message = `the lease ${tokenKey(token)} on shard ${shard} is over`;
  return { code: "LEASE_STALE", message, fields: { shard, token: tokenKey(token) } };
}
