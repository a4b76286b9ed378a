import { assert } from "../../shared/core/assert.ts";
import type { Lease } from "../../shared/domain/job.ts";
import { tokenKey } from "../../shared/domain/token.ts";

/** What a lease is known by: each job counts its tokens by itself, so two jobs may grant the same. */
export type LeaseName = Pick<Lease, "jobId" | "token">;

export function leaseKey({ jobId, token }: LeaseName): string {
  return `${jobId} ${tokenKey(token)}`;
}

interface HeldLease {
  readonly lease: Lease;
  rowsDone: number;
  /**
   * When the call went out whose answer last confirmed this lease: its deadline counts from there, never from
   * later.
   */
  confirmedMs: number;
}

/**
 * The leases that this worker holds, and when it must stop believing in them. Pure: time comes in with each
 * call.
 *
 * A worker stops by itself a margin before the coordinator could give the shard to another: a sixth of the
 * lease, which covers the difference between the two clocks' rates and one slow turn of this process.
 */
export class LeaseLedger {
  readonly #held = new Map<string, HeldLease>();

  add(lease: Lease, askedMs: number): void {
    const key = leaseKey(lease);
    assert(!this.#held.has(key), `lease ${key} was granted twice`);
    this.#held.set(key, { lease, rowsDone: 0, confirmedMs: askedMs });
  }

  progress(name: LeaseName, rowsDone: number): void {
    const held = this.#held.get(leaseKey(name));
    if (held !== undefined) held.rowsDone = Math.max(held.rowsDone, rowsDone);
  }

  /** A heartbeat sent at `sentMs` was answered: the lease is live. */
  confirmed(name: LeaseName, sentMs: number): void {
    const held = this.#held.get(leaseKey(name));
    if (held !== undefined) held.confirmedMs = Math.max(held.confirmedMs, sentMs);
  }

  remove(name: LeaseName): void {
    this.#held.delete(leaseKey(name));
  }

  /** The leases that may have run out unseen: nothing confirmed them for the lease's time less the margin. */
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
