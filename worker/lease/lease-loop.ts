import { deadline, deferred, sleepBy } from "../../shared/core/abort.ts";
import { present } from "../../shared/core/assert.ts";
import type { TimedClock } from "../../shared/core/clock.ts";
import { errorToData, isShardmillError, messageOf, ShardmillError } from "../../shared/core/errors.ts";
import type { Logger } from "../../shared/core/log.ts";
import { type Random, systemRandom } from "../../shared/core/random.ts";
import { asExecutionId } from "../../shared/domain/execution-id.ts";
import type { Lease } from "../../shared/domain/job.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import { shardRows } from "../../shared/domain/shard.ts";
import { tokenKey } from "../../shared/domain/token.ts";
import type { WorkerSession } from "../../shared/domain/worker.ts";
import type {
  LeaseRef,
  OfferAnswer,
  Registered,
  Registration,
  WorkService,
} from "../../shared/wire/services.ts";
import { type Attempt, AttemptSet, refOf } from "./attempt-set.ts";
import { type HeartbeatReports, Heartbeats } from "./heartbeats.ts";
import { LeaseLedger, type LeaseName } from "./lease-ledger.ts";
import { mayRepeat, persist } from "./persist.ts";
import type { ShardRunner } from "./shard-runner.ts";

/** Longest wait of a lease request at the coordinator, below the idle limits of common proxies. */
const LONG_POLL_MS = 25_000;

interface LeaseLoopOptions extends HeartbeatReports {
  readonly work: WorkService;
  readonly registration: Registration;
  readonly runner: ShardRunner;
  readonly clock: TimedClock;
  readonly random?: Random;
  readonly log: Logger;
  /** Longest wait for an unreachable coordinator. */
  readonly giveUpMs: number;
  /** Time for running shards to finish once draining begins. */
  readonly drainMs: number;
  /** Called with each new session, before its first lease. Data access needs it. */
  readonly onSession: (registered: Registered) => void;
}

/** Delay between failed requests, so that a restarted coordinator is detected within a second. */
const RECOVER_MS = 250;

/**
 * Worker's side of leasing. Registers, keeps one lease request open, renews all leases in one heartbeat, and
 * offers partials. The end of the open request shows that the worker is lost. The runner does the work.
 */
export class LeaseLoop {
  readonly #options: LeaseLoopOptions;
  readonly #random: Random;
  readonly #ledger = new LeaseLedger();
  readonly #attempts = new AttemptSet();
  readonly #heartbeats: Heartbeats;
  #registered: Registered | null = null;
  #hasMapped = false;

  constructor(options: LeaseLoopOptions) {
    this.#options = options;
    this.#random = options.random ?? systemRandom;
    this.#heartbeats = new Heartbeats({
      ...options,
      ledger: this.#ledger,
      registered: () => this.#joined,
      onLost: (lease) => this.#loseLease(lease),
      onUnheard: (lease) => this.#keepWithoutLease(lease),
    });
  }

  /**
   * Works until the coordinator dismisses this worker, or `drain` aborts. Then finishes or releases the
   * leases, and leaves.
   *
   * @throws the coordinator's final refusal, or its unreachability after `giveUpMs`
   * @throws the reason of `stop`
   */
  async run(drain: AbortSignal, stop: AbortSignal): Promise<"dismissed" | "drained"> {
    const quit = AbortSignal.any([drain, stop]);
    try {
      await this.#register(quit);
    } catch (error) {
      stop.throwIfAborted();
      if (drain.aborted) return "drained";
      throw error;
    }
    const beating = new AbortController();
    const heartbeats = this.#heartbeats.run(AbortSignal.any([beating.signal, stop]));
    try {
      const end = await this.#leaseUntilEnd(quit);
      stop.throwIfAborted();
      await this.#finishOrRelease(end === "dismissed" ? 0 : this.#options.drainMs, stop);
      return end;
    } finally {
      beating.abort();
      this.#abandonAll(new ShardmillError("INTERRUPTED", "the worker stops"));
      await heartbeats;
      await this.#leave(drain.reason);
    }
  }

  get #joined(): Registered {
    return present(this.#registered, "a worker joins before all else");
  }

  get #session(): WorkerSession {
    return this.#joined.session;
  }

  async #register(signal: AbortSignal): Promise<void> {
    const { work, registration, log } = this.#options;
    this.#registered = await this.#persist(() => work.register(registration, signal), signal);
    this.#options.onSession(this.#registered);
    log.info({ session: this.#registered.session }, "joined");
  }

  #persist<T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const { clock, giveUpMs, log } = this.#options;
    const wasRegistered = this.#registered !== null;
    const onWaiting = ({ message: reason }: ShardmillError, sinceMs: number) =>
      log.warn({ forMs: Math.round(sinceMs), reason }, "waiting for the coordinator");
    return persist(call, { signal, giveUpMs, clock, random: this.#random, wasRegistered, onWaiting });
  }

  async #leaseUntilEnd(quit: AbortSignal): Promise<"dismissed" | "drained"> {
    const { work, clock } = this.#options;
    let unreachableSinceMs: number | null = null;
    while (!quit.aborted) {
      const requestedMs = clock.nowMs();
      const running = this.#attempts.unleased().map(({ lease }) => refOf(lease));
      try {
        const answer = await work.requestLease(this.#session, LONG_POLL_MS, running, quit);
        unreachableSinceMs = null;
        if (answer.kind === "dismissed") return "dismissed";
        if (answer.kind === "lease") this.#start(answer.lease, clock.nowMs());
        else await sleepBy(clock, answer.retryMs, quit);
      } catch (error) {
        if (quit.aborted) break;
        unreachableSinceMs = await this.#recover(error, unreachableSinceMs ?? requestedMs, quit).catch(
          (final: unknown) => {
            if (quit.aborted) return null;
            throw final;
          },
        );
      }
    }
    return "drained";
  }

  /** Handles a failed lease request: registers again, or waits. Rejects when retrying is useless. */
  async #recover(error: unknown, sinceMs: number, quit: AbortSignal): Promise<number | null> {
    const { clock, log, giveUpMs } = this.#options;
    if (isShardmillError(error, "SESSION_STALE")) {
      // A coordinator without this session has no leases of it either, so it may grant the shards again.
      for (const { lease } of this.#attempts.all()) this.#keepWithoutLease(lease);
      await this.#register(quit);
      return null;
    }
    if (!mayRepeat(error, true) || clock.nowMs() - sinceMs > giveUpMs) throw error;
    log.debug({ reason: messageOf(error) }, "lease request failed");
    await sleepBy(clock, RECOVER_MS, quit).catch(() => {});
    return sinceMs;
  }

  #start(lease: Lease, grantedMs: number): void {
    // A count from before the grant would be safer, but a long poll may exceed the lease time. The margin
    // covers one response's transfer.
    this.#ledger.add(lease, grantedMs);
    if (this.#attempts.adopt(lease)) return;
    // The coordinator knew these attempts, and assigned another shard. So others run them, or they are done.
    for (const attempt of this.#attempts.unleased()) this.#abandon(attempt);
    this.#begin(lease);
  }

  #begin(lease: Lease): void {
    const abort = new AbortController();
    const { promise, resolve } = deferred<void>();
    const attempt: Attempt = { lease, isLeased: true, abort, offering: false, done: promise };
    this.#attempts.add(attempt);
    void this.#attempt(attempt).finally(() => {
      this.#ledger.remove(attempt.lease);
      this.#attempts.remove(attempt);
      resolve();
    });
  }

  /** Maps a shard and offers its partial, which has the name of the attempt's first lease. */
  async #attempt(attempt: Attempt): Promise<void> {
    const { runner, log } = this.#options;
    const { lease } = attempt;
    const { signal } = attempt.abort;
    const facts = { shard: lease.shard.id, token: tokenKey(lease.token), rows: shardRows(lease.shard) };
    try {
      const partial = await runner.run(lease, asExecutionId(this.#random.hex(8)), {
        signal,
        onProgress: (rowsDone) => this.#ledger.progress(attempt.lease, rowsDone),
      });
      attempt.offering = true;
      this.#reportShard(signal);
      const answer = await this.#offer(attempt, partial, signal);
      log.debug({ ...facts, answer: answer.kind }, "partial offered");
    } catch (error) {
      const ref = refOf(attempt.lease);
      if (signal.aborted) return this.#endAborted(ref, signal.reason);
      // Another attempt was first, or the job has ended. The coordinator reports that when files are stored,
      // before a heartbeat does.
      if (isShardmillError(error, "LEASE_STALE")) return log.info(facts, "lease lost");
      log.warn({ ...facts, reason: messageOf(error) }, "attempt failed");
      await this.#report(() => this.#options.work.failAttempt(this.#session, ref, errorToData(error)));
    }
  }

  /** Sends a heartbeat after a shard. Short jobs end before the next one is due. */
  #reportShard(signal: AbortSignal): void {
    if (this.#hasMapped && !this.#heartbeats.hasStoreNews) return;
    this.#hasMapped = true;
    void this.#report(() => this.#heartbeats.send(signal));
  }

  #offer(attempt: Attempt, partial: PartialManifest, signal: AbortSignal): Promise<OfferAnswer> {
    const call = async () => {
      try {
        return await this.#options.work.offerPartial(this.#session, attempt.lease.jobId, partial);
      } catch (error) {
        // The lease loop registers again, and the offer is retried in the new session. While a restarted
        // coordinator plans, the job is also unknown.
        const isUnknown = !attempt.isLeased && isShardmillError(error, "JOB_ENDED");
        if (!isUnknown && !isShardmillError(error, "SESSION_STALE")) throw error;
        throw new ShardmillError("COORDINATOR_UNREACHABLE", "the coordinator has just restarted", {
          cause: error,
        });
      }
    };
    return this.#persist(call, signal);
  }

  async #endAborted(ref: LeaseRef, reason: unknown): Promise<void> {
    const drained = isShardmillError(reason, "INTERRUPTED");
    if (drained) await this.#report(() => this.#options.work.releaseLease(this.#session, ref));
  }

  /** Sends a report that may be lost: without it, the lease expires. */
  async #report(call: () => Promise<void>): Promise<void> {
    try {
      await call();
    } catch (error) {
      this.#options.log.debug({ reason: messageOf(error) }, "a report to the coordinator failed");
    }
  }

  #loseLease(name: LeaseName): void {
    const attempt = this.#attempts.get(name);
    if (attempt === undefined || attempt.offering || attempt.abort.signal.aborted) return;
    this.#abandon(attempt);
  }

  #abandon({ lease: { shard, token }, abort }: Attempt): void {
    this.#options.log.info({ shard: shard.id, token: tokenKey(token) }, "lease lost");
    abort.abort(new ShardmillError("LEASE_STALE", "the lease is lost", { fields: { shard: shard.id } }));
  }

  /** Continues an attempt without its lease: its partial stays valid, and may be the first. */
  #keepWithoutLease(name: LeaseName): void {
    const attempt = this.#attempts.get(name);
    if (attempt === undefined || attempt.abort.signal.aborted) return;
    this.#ledger.remove(name);
    attempt.isLeased = false;
  }

  #abandonAll(reason: ShardmillError): void {
    for (const { abort } of this.#attempts.all()) abort.abort(reason);
  }

  async #finishOrRelease(graceMs: number, stop: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const running = this.#attempts.all().map(({ done }) => done);
    const patience = new AbortController();
    try {
      await Promise.race([
        Promise.allSettled(running),
        sleepBy(clock, graceMs, AbortSignal.any([patience.signal, stop])),
      ]);
    } catch {
      // `stop` aborted: remaining attempts are released below.
    } finally {
      patience.abort();
    }
    this.#abandonAll(new ShardmillError("INTERRUPTED", "the worker drains"));
    const handedBack = Promise.allSettled(this.#attempts.all().map(({ done }) => done));
    await Promise.race([handedBack, sleepBy(clock, 3_000, stop).catch(() => {})]);
  }

  async #leave(why: unknown): Promise<void> {
    const gpuFault = isShardmillError(why, "DEVICE_UNAVAILABLE") ? why.message : null;
    using goodbye = deadline(2_000, this.#options.clock);
    await this.#report(() => this.#options.work.leave(this.#session, gpuFault, goodbye.signal));
  }
}
