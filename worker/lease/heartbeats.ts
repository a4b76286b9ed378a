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
 * Longest delay of news about stores and fetches, even if heartbeats are rarer. A killed process loses
 * unreported counts, and users wait for the model to be fetched.
 */
const NEWS_MS = 3_000;

/** Facts about this process that heartbeats report, and what they report back. */
export interface HeartbeatReports {
  /** Returns the busy shares since the last call. */
  readonly takeBusy: () => StageShares;
  /** Returns the share of padding in the positions that ran since the last call. Null: none ran. */
  readonly takePadding: () => number | null;
  /** Returns the batch size, with its bound. Null before the first batch. */
  readonly batch?: () => BatchInUse | null;
  /** Returns this process's store requests since any fixed moment. Default: none. */
  readonly storeCounts?: () => readonly StoreCounts[];
  /** Returns the files of a job that are being fetched. Null: none. Default: none. */
  readonly fetching?: () => Fetching | null;
  /** Called with the number of workers that share limits of the job. Default: not reported. */
  readonly onWorkers?: (workers: number) => void;
}

interface HeartbeatOptions extends HeartbeatReports {
  readonly work: Pick<WorkService, "heartbeat">;
  readonly clock: TimedClock;
  readonly log: Logger;
  /** Leases to renew. */
  readonly ledger: LeaseLedger;
  /** Returns the current session. */
  readonly registered: () => Registered;
  /** Called when the coordinator reports a lease as lost, or has not confirmed it for too long. */
  readonly onLost: (lease: LeaseName) => void;
  /** Called when a lease may be lost, and the coordinator is unreachable. */
  readonly onUnheard: (lease: LeaseName) => void;
}

/** Renews all leases of a worker in one call, with the progress of shards and the busy shares of stages. */
export class Heartbeats {
  readonly #options: HeartbeatOptions;
  #session: WorkerSession | null = null;
  #storesBefore: readonly StoreCounts[] = [];
  #storesReported: readonly StoreCounts[] = [];
  #hasReportedFetching = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** Sends heartbeats at the coordinator's interval until the signal aborts. Never rejects. */
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
    // The limit leaves time for another heartbeat. The limit also keeps a hanging connection from hiding
    // expired leases.
    using inTime = deadline(leaseMs / 3, clock);
    const batchInUse = batch?.() ?? null;
    const onItsWay = fetching?.() ?? null;
    const requested = this.#requestedIn(session);
    const beat: Heartbeat = {
      session,
      leases,
      busy: takeBusy(),
      padding: takePadding(),
      stores: sinceStores(this.#storesBefore, requested),
      ...(batchInUse === null ? {} : { batch: batchInUse }),
      ...(onItsWay === null ? {} : { fetching: onItsWay }),
    };
    const states = await work.heartbeat(beat, AbortSignal.any([signal, inTime.signal]));
    this.#storesReported = requested;
    this.#hasReportedFetching = onItsWay !== null;
    if (states.length > 0) this.#options.onWorkers?.(Math.max(...states.map(({ workers }) => workers)));
    for (const { lease, live } of states) {
      if (live) ledger.confirmed(lease, sentMs);
      else onLost(lease);
    }
  }

  /** Waits for the interval, or until there is news about stores or a fetch. */
  async #untilDue(heartbeatMs: number, signal: AbortSignal): Promise<void> {
    const { clock, storeCounts } = this.#options;
    const stepMs = storeCounts === undefined ? heartbeatMs : Math.min(NEWS_MS, heartbeatMs);
    for (let leftMs = heartbeatMs; leftMs > 0; leftMs -= stepMs) {
      await sleepBy(clock, Math.min(stepMs, leftMs), signal);
      if (this.hasStoreNews || this.#hasFetchNews) return;
    }
  }

  /** True when a heartbeat has not yet reported all store requests. */
  get hasStoreNews(): boolean {
    return sinceStores(this.#storesReported, this.#options.storeCounts?.() ?? []).length > 0;
  }

  /** True when a fetch is in progress, or has just ended. */
  get #hasFetchNews(): boolean {
    return this.#hasReportedFetching || (this.#options.fetching?.() ?? null) !== null;
  }

  /** Returns all store requests so far. Requests reported in an earlier session become the new baseline. */
  #requestedIn(session: WorkerSession): readonly StoreCounts[] {
    if (this.#session !== session) this.#storesBefore = this.#storesReported;
    this.#session = session;
    return this.#options.storeCounts?.() ?? [];
  }
}
