import type { Lease } from "../../shared/domain/job.ts";
import type { LeaseRef } from "../../shared/wire/services.ts";
import { type LeaseName, leaseKey } from "./lease-ledger.ts";

/** One execution of a shard. Its partial is named by the lease that it was begun under. */
export interface Attempt {
  /** That one, or a later one of the same shard. */
  lease: Lease;
  /**
   * Whether that is renewed. Not when the coordinator that granted it is gone: the next one may grant the
   * shard anew.
   */
  isLeased: boolean;
  readonly abort: AbortController;
  /**
   * Its partial is stored and being offered: worth going on with even when the lease is lost, it may still be
   * the first.
   */
  offering: boolean;
  readonly done: Promise<void>;
}

/** What a worker runs, by the lease of each. */
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

  /** Those that a new lease is asked for. */
  unleased(): Attempt[] {
    return this.all().filter(
      ({ isLeased, offering, abort }) => !isLeased && !offering && !abort.signal.aborted,
    );
  }

  /** Puts an attempt at the same shard under a new lease; false when there is none. */
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
