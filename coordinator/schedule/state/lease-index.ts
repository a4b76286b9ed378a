import { type Token, tokenKey } from "../../../shared/domain/token.ts";
import type { WorkerSession } from "../../../shared/domain/worker.ts";
import type { JobState } from "./job-state.ts";
import type { Lease } from "./shard-state.ts";

/** The live lease under this token, if it is this session's. */
export function liveLease(state: JobState, session: WorkerSession, token: Token): Lease | undefined {
  const lease = state.leases.get(tokenKey(token));
  return lease?.session === session ? lease : undefined;
}

/** Takes a lease out of every index but its shard's state, which the caller moves. */
export function detachLease(state: JobState, lease: Lease): void {
  lease.live = false;
  state.leases.delete(tokenKey(lease.token));
  state.workers.get(lease.session)?.leases.delete(lease);
}
