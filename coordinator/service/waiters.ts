import { systemClock, type TimedClock } from "../../shared/core/clock.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import type { WorkerSession } from "../../shared/domain/worker.ts";
import { DurationHistogram } from "../../shared/metrics/histogram.ts";
import type { Wake } from "../job/wake.ts";

/**
 * Limit of open lease requests per worker. A worker has one, or two for a moment after a broken connection.
 * Each costs a try per wake.
 */
const MOST_OF_ONE = 8;

/**
 * Lease requests that wait for a change. Each waits until it is woken, its time is up, or its caller is gone.
 *
 * A worker keeps a request open while its slots are full, so nearly every worker has one here. A commit frees
 * one slot and must wake that worker alone. Waking thousands of workers would cost a try each for every
 * commit.
 */
export class Waiters {
  readonly #clock: TimedClock;
  readonly #grants: DurationHistogram;
  readonly #bySession = new Map<WorkerSession, Set<Waiter>>();

  /** @param grants times of granting leases, see `Meters.leaseGrant`. Default: not read */
  constructor(clock: TimedClock = systemClock, grants = new DurationHistogram()) {
    this.#clock = clock;
    this.#grants = grants;
  }

  /** Number of requests that wait or are being tried. */
  get size(): number {
    let size = 0;
    for (const own of this.#bySession.values()) size += own.size;
    return size;
  }

  /**
   * Starts a lease request. Dispose of it when it has been answered.
   *
   * @throws {RESOURCE_EXHAUSTED} when the worker has too many requests open
   */
  enter(session: WorkerSession): Waiter {
    const own = this.#bySession.get(session);
    if ((own?.size ?? 0) >= MOST_OF_ONE) throw tooMany(session);
    const waiter = new Waiter(this.#clock, this.#grants, () => this.#leave(session, waiter));
    if (own === undefined) this.#bySession.set(session, new Set([waiter]));
    else own.add(waiter);
    return waiter;
  }

  /** Returns the number of open requests of a worker. */
  openOf(session: WorkerSession): number {
    return this.#bySession.get(session)?.size ?? 0;
  }

  wake({ shards, freed }: Wake): void {
    for (const session of freed) for (const waiter of this.#bySession.get(session) ?? []) waiter.wake();
    if (!shards) return;
    for (const own of this.#bySession.values()) for (const waiter of own) waiter.wakeForShards();
  }

  wakeAll(): void {
    this.wake({ shards: false, freed: [...this.#bySession.keys()] });
  }

  #leave(session: WorkerSession, waiter: Waiter): void {
    const own = this.#bySession.get(session);
    own?.delete(waiter);
    if (own?.size === 0) this.#bySession.delete(session);
  }
}

/** One lease request. A wake between a try and the following wait is not lost: the wait ends at once. */
class Waiter implements Disposable {
  readonly #clock: TimedClock;
  readonly #grants: DurationHistogram;
  readonly #leave: () => void;
  #triedMs = 0;
  #woken = false;
  #wokenForShards = false;
  #lacksShards = false;
  #resume: (() => void) | null = null;

  constructor(clock: TimedClock, grants: DurationHistogram, leave: () => void) {
    this.#clock = clock;
    this.#grants = grants;
    this.#leave = leave;
  }

  /** Starts a try. Call it before each one. */
  beginTry(): void {
    this.#triedMs = this.#clock.nowMs();
    this.#woken = false;
    this.#wokenForShards = false;
  }

  /** Records that the try got a lease. */
  granted(): void {
    this.#grants.addMs(this.#clock.nowMs() - this.#triedMs);
  }

  wake(): void {
    this.#woken = true;
    this.#resume?.();
  }

  wakeForShards(): void {
    this.#wokenForShards = true;
    if (this.#lacksShards) this.#resume?.();
  }

  /**
   * Resolves when the request was woken since the try began, after `ms`, or when `signal` aborts. New shards
   * wake it only if the try `lacksShards`.
   */
  async wait(ms: number, lacksShards: boolean, signal: AbortSignal): Promise<void> {
    if (this.#woken || (lacksShards && this.#wokenForShards) || signal.aborted) return;
    this.#lacksShards = lacksShards;
    await new Promise<void>((resolve) => {
      const finish = () => {
        callOff();
        signal.removeEventListener("abort", finish);
        this.#resume = null;
        resolve();
      };
      const callOff = this.#clock.after(Math.max(0, ms), finish);
      signal.addEventListener("abort", finish, { once: true });
      this.#resume = finish;
    });
  }

  [Symbol.dispose](): void {
    this.#leave();
  }
}

function tooMany(session: WorkerSession): ShardmillError {
  return new ShardmillError(
    "RESOURCE_EXHAUSTED",
    `this worker has ${MOST_OF_ONE} lease requests open already`,
    {
      fields: { session, most: MOST_OF_ONE },
    },
  );
}
