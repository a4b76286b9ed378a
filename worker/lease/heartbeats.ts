import { deadline, sleepBy } from "../../shared/core/abort.ts";
import type { TimedClock } from "../../shared/core/clock.ts";
import { messageOf } from "../../shared/core/errors.ts";
import type { Logger } from "../../shared/core/log.ts";
import type { BatchInUse } from "../../shared/domain/batch-in-use.ts";
import type { Fetching } from "../../shared/domain/fetching.ts";
import { type StoreCounts, sinceStores } from "../../shared/domain/store-counts.ts";
import type { StageShares, WorkerSession } from "../../shared/domain/worker.ts";
import type { Heartbeat, Registered, WorkService } from "../../shared/wire/services.ts";
import type { LeaseLedger, LeaseName } from "./lease-ledger.ts";
import { mayRepeat } from "./persist.ts";

/**
 * What a worker asked of stores is told within so long, also where heartbeats are further apart: one that is
 * killed takes along what it has not told. People wait for a model that is fetched.
 */
const NEWS_MS = 3_000;

export interface HeartbeatOptions {
  readonly work: Pick<WorkService, "heartbeat">;
  readonly clock: TimedClock;
  readonly log: Logger;
  /** The leases that are renewed. */
  readonly ledger: LeaseLedger;
  /** The session at this moment. */
  readonly registered: () => Registered;
  /** The busy shares since the last call. */
  readonly takeBusy: () => StageShares;
  /** The share of padding in the positions that ran since the last call; null when none did. */
  readonly takePadding: () => number | null;
  /** The size of its batches, and what bounds it; null before the first batch. */
  readonly batch?: () => BatchInUse | null;
  /** What this process asked of stores since any fixed moment. Left out: nothing. */
  readonly storeCounts?: () => readonly StoreCounts[];
  /** The files of a job that are on their way here; null when none is. Left out: none. */
  readonly fetching?: () => Fetching | null;
  /** The coordinator says that it is lost, or has not confirmed it for so long that it may be. */
  readonly onLost: (lease: LeaseName) => void;
  /** It may be lost, and the coordinator cannot be reached: there is nothing else to do meanwhile. */
  readonly onUnheard: (lease: LeaseName) => void;
}

/**
 * Renews all that a worker holds in one call, which also tells how far each shard is and how busy the stages
 * are.
 */
export class Heartbeats {
  readonly #options: HeartbeatOptions;
  #session: WorkerSession | null = null;
  #storesBefore: readonly StoreCounts[] = [];
  #storesTold: readonly StoreCounts[] = [];
  #hasToldFetching = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** As often as the coordinator asked for, until the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { ledger, clock, log, registered, onLost, onUnheard } = this.#options;
    while (!signal.aborted) {
      let isReached = true;
      try {
        await this.#untilDue(registered().heartbeatMs, signal);
        await this.send(signal);
      } catch (error) {
        isReached = !mayRepeat(error);
        if (!signal.aborted) log.debug({ reason: messageOf(error) }, "heartbeat failed");
      }
      for (const { lease } of ledger.doubtful(clock.nowMs())) (isReached ? onLost : onUnheard)(lease);
    }
  }

  async send(signal: AbortSignal): Promise<void> {
    const { work, clock, ledger, registered, takeBusy, takePadding, batch, fetching, onLost } = this.#options;
    const { session, leaseMs } = registered();
    const sentMs = clock.nowMs();
    const leases = ledger.held().map(({ lease, rowsDone }) => ({
      lease: { jobId: lease.jobId, shard: lease.shard.id, token: lease.token },
      rowsDone,
    }));
    // Given up while another still comes in time; and a connection that swallows it must not hide that leases
    // run out.
    using inTime = deadline(leaseMs / 3, clock);
    const batchInUse = batch?.() ?? null;
    const onItsWay = fetching?.() ?? null;
    const asked = this.#askedIn(session);
    const beat: Heartbeat = {
      session,
      leases,
      busy: takeBusy(),
      padding: takePadding(),
      stores: sinceStores(this.#storesBefore, asked),
      ...(batchInUse === null ? {} : { batch: batchInUse }),
      ...(onItsWay === null ? {} : { fetching: onItsWay }),
    };
    const states = await work.heartbeat(beat, AbortSignal.any([signal, inTime.signal]));
    this.#storesTold = asked;
    this.#hasToldFetching = onItsWay !== null;
    for (const { lease, live } of states) {
      if (live) ledger.confirmed(lease, sentMs);
      else onLost(lease);
    }
  }

  /** After so long, or when there is something to tell of stores, or of a fetch. */
  async #untilDue(heartbeatMs: number, signal: AbortSignal): Promise<void> {
    const { clock, storeCounts } = this.#options;
    const stepMs = storeCounts === undefined ? heartbeatMs : Math.min(NEWS_MS, heartbeatMs);
    for (let leftMs = heartbeatMs; leftMs > 0; leftMs -= stepMs) {
      await sleepBy(clock, Math.min(stepMs, leftMs), signal);
      if (this.hasStoreNews || this.#hasFetchNews) return;
    }
  }

  /** Stores were asked for something that no heartbeat has told. */
  get hasStoreNews(): boolean {
    return sinceStores(this.#storesTold, this.#options.storeCounts?.() ?? []).length > 0;
  }

  /** It goes on, or has just ended. */
  get #hasFetchNews(): boolean {
    return this.#hasToldFetching || (this.#options.fetching?.() ?? null) !== null;
  }

  /** All that stores were asked up to now. What was told in an earlier session is not told again. */
  #askedIn(session: WorkerSession): readonly StoreCounts[] {
    if (this.#session !== session) this.#storesBefore = this.#storesTold;
    this.#session = session;
    return this.#options.storeCounts?.() ?? [];
  }
}
