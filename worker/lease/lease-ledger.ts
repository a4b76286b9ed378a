import { assert } from "../../shared/core/assert.ts";
import type { Lease } from "../../shared/domain/job.ts";
import { tokenKey } from "../../shared/domain/token.ts";

/** Key of a lease. Tokens are counted by job, so two jobs may have equal ones. */
export type LeaseName = Pick<Lease, "jobId" | "token">;

export function leaseKey({ jobId, token }: LeaseName): string {
  return `${jobId} ${tokenKey(token)}`;
}

interface HeldLease {
  readonly lease: Lease;
  rowsDone: number;
  /** Time when the last confirmed call was sent, which starts the lease's deadline. */
  confirmedMs: number;
}

/**
 * Leases of this worker, and their deadlines. Pure: the caller passes times in.
 *
 * A worker stops a margin before the coordinator could assign the shard to another worker. The margin is a
 * sixth of the lease. The margin covers the difference of the clocks' rates, and one slow turn of this
 * process.
 */
export class LeaseLedger {
  readonly #held = new Map<string, HeldLease>();

  add(lease: Lease, requestedMs: number): void {
    const key = leaseKey(lease);
    assert(!this.#held.has(key), `lease ${key} was granted twice`);
    this.#held.set(key, { lease, rowsDone: 0, confirmedMs: requestedMs });
  }

  progress(name: LeaseName, rowsDone: number): void {
    const held = this.#held.get(leaseKey(name));
    if (held !== undefined) held.rowsDone = Math.max(held.rowsDone, rowsDone);
  }

  /** Records that the heartbeat of `sentMs` confirmed the lease. */
  confirmed(name: LeaseName, sentMs: number): void {
    const held = this.#held.get(leaseKey(name));
    if (held !== undefined) held.confirmedMs = Math.max(held.confirmedMs, sentMs);
  }

  remove(name: LeaseName): void {
    this.#held.delete(leaseKey(name));
  }

  /** Returns leases that may have expired: none was confirmed for the lease's time minus the margin. */
  doubtful(nowMs: number): HeldLease[] {
    return this.held().filter(({ lease, confirmedMs }) => nowMs - confirmedMs >= (lease.leaseMs * 5) / 6);
  }

  held(): HeldLease[] {
    return [...this.#held.values()];
  }

  get size(): number {
    return this.#held.size;
  }
}
