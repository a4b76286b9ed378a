import type { Lease } from "../../shared/domain/job.ts";
import type { LeaseRef } from "../../shared/wire/services.ts";
import { type LeaseName, leaseKey } from "./lease-ledger.ts";

/** One execution of a shard. The partial is named by the first lease. */
export interface Attempt {
  /** First lease, or a later one of the same shard. */
  lease: Lease;
  /**
   * True while the lease is renewed. False when its coordinator is gone, because the next one may grant the
   * shard again.
   */
  isLeased: boolean;
  readonly abort: AbortController;
  /**
   * The partial is stored and being offered. The offer continues without the lease, because the partial may
   * still be the first.
   */
  offering: boolean;
  readonly done: Promise<void>;
}

/** Attempts of a worker by lease. */
export class AttemptSet {
  readonly #byLease = new Map<string, Attempt>();

  add(attempt: Attempt): void {
    this.#byLease.set(leaseKey(attempt.lease), attempt);
  }

  remove({ lease }: Attempt): void {
    this.#byLease.delete(leaseKey(lease));
  }

  get(name: LeaseName): Attempt | undefined {
    return this.#byLease.get(leaseKey(name));
  }

  all(): Attempt[] {
    return [...this.#byLease.values()];
  }

  /** Returns the attempts that need a new lease. */
  unleased(): Attempt[] {
    return this.all().filter(
      ({ isLeased, offering, abort }) => !isLeased && !offering && !abort.signal.aborted,
    );
  }

  /** Assigns a new lease to an attempt at the same shard. False: there is no such attempt. */
  adopt(lease: Lease): boolean {
    const same = this.unleased().find(
      (attempt) => attempt.lease.jobId === lease.jobId && attempt.lease.shard.id === lease.shard.id,
    );
    if (same === undefined) return false;
    this.remove(same);
    same.lease = lease;
    same.isLeased = true;
    this.add(same);
    return true;
  }
}

export function refOf({ jobId, shard, token }: Lease): LeaseRef {
  return { jobId, shard: shard.id, token };
}
