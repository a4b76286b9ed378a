import { orAbort, sleepBy } from "../../shared/core/abort.ts";
import { backoffMs } from "../../shared/core/backoff.ts";
import { systemClock, type TimedClock } from "../../shared/core/clock.ts";
import { type Random, systemRandom } from "../../shared/core/random.ts";
import { type TakenBefore, takenHere } from "../../shared/storage/taken-before.ts";

/** Credentials for a store. Without an expiration they are valid forever. */
export interface Credentials {
  readonly expiration?: Date;
}

/**
 * Finds credentials, or rejects with the error for the caller.
 *
 * @param forceRefresh true when a store refused the last credentials
 */
export type CredentialProvider<C> = (options: { readonly forceRefresh: boolean }) => Promise<C>;

/** Share of the lifetime before expiry in which credentials are renewed: the last six minutes of an hour. */
const RENEWED_SHARE = 0.1;

/**
 * Time for which a provider's failure is cached. A provider reads files, starts a process, or waits seconds
 * for a missing service. Each row may name an object. With a longer time, a user who logs in meanwhile would
 * have to wait.
 */
const REFUSED_MS = 30_000;

/**
 * Time for which credentials that were accepted before are retried after a refusal. Keys are rotated in two
 * places, one after the other, and token services restart. A worker waits equally long for its coordinator. A
 * longer time would delay reports of permanent refusals.
 */
export const PATIENCE_MS = 60_000;

/** Pauses between refusals, shared by all readers. */
const PAUSES = { firstMs: 500, maxMs: 5_000 };

interface CredentialCacheOptions {
  readonly clock?: TimedClock;
  readonly random?: Random;
  /** Memory of accepted credentials. Default: this cache's own. */
  readonly taken?: TakenBefore;
}

/** Shared request for new credentials, which continues while callers wait for it. */
interface Asking<C> {
  readonly credentials: Promise<C>;
  readonly over: AbortController;
  waiting: number;
}

/**
 * Cache of credentials until a tenth of their lifetime is left. All callers share one request. The vendors'
 * own caches repeat it for each call when the lifetime is under five minutes.
 */
export class CredentialCache<C extends Credentials> {
  readonly #provide: CredentialProvider<C>;
  readonly #clock: TimedClock;
  readonly #random: Random;
  #cached: { readonly credentials: C; readonly renewedMs: number } | null = null;
  #asking: Asking<C> | null = null;
  #isRefused = false;
  #failure: { readonly error: unknown; readonly atMs: number } | null = null;
  /** Number of consecutive refusals since credentials were last accepted. */
  #refusals = 0;
  readonly #taken: TakenBefore;

  constructor(provide: CredentialProvider<C>, options: CredentialCacheOptions = {}) {
    this.#provide = provide;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    this.#taken = options.taken ?? takenHere();
  }

  /** Returns the monotonic time that limits retries. */
  nowMs(): number {
    return this.#clock.nowMs();
  }

  /** True when a store accepted these credentials, and no long refusal has followed. */
  get wereTaken(): boolean {
    return this.#taken.read();
  }

  /**
   * Returns credentials. After a refusal, all callers share one pause. Rejects with the provider's error, or
   * with the signal's reason. The request ends when no caller waits any more.
   */
  async get(signal: AbortSignal): Promise<C> {
    if (this.#cached !== null && this.#clock.wallMs() < this.#cached.renewedMs)
      return this.#cached.credentials;
    const isKnown = !this.wereTaken && this.#failure !== null && this.#isRecent(this.#failure.atMs);
    if (isKnown) throw this.#failure?.error;
    this.#asking ??= this.#begin();
    const asking = this.#asking;
    asking.waiting += 1;
    try {
      return await orAbort(asking.credentials, signal);
    } finally {
      asking.waiting -= 1;
      if (asking.waiting === 0) this.#end(asking);
    }
  }

  /** Drops credentials that a store refused, whatever their expiration is. */
  drop(refused: C): void {
    if (this.#cached?.credentials !== refused) return;
    this.#cached = null;
    this.#isRefused = true;
    this.#refusals += 1;
  }

  /** Notes that a store accepted these credentials. */
  taken(credentials: C): void {
    if (!this.wereTaken) this.#taken.write(true);
    if (this.#cached?.credentials === credentials) this.#refusals = 0;
  }

  /**
   * Forgets that credentials were accepted, after a long refusal, so that later calls fail without retries.
   */
  giveUp(): void {
    this.#taken.write(false);
    this.#refusals = 0;
  }

  #begin(): Asking<C> {
    const over = new AbortController();
    const credentials = this.#requestPatiently(over.signal);
    // The failure may find no caller left.
    credentials.catch(() => {});
    return { credentials, over, waiting: 0 };
  }

  #end(asking: Asking<C>): void {
    asking.over.abort(new Error("no request waits for credentials"));
    if (this.#asking === asking) this.#asking = null;
  }

  async #requestPatiently(signal: AbortSignal): Promise<C> {
    const startMs = this.#clock.nowMs();
    // The first renewal has no pause, because new credentials may exist already.
    if (this.wereTaken && this.#refusals > 1) await this.#pause(this.#refusals - 2, signal);
    for (let failures = 0; ; failures += 1) {
      try {
        return await this.#ask();
      } catch (error) {
        if (!this.wereTaken) throw error;
        if (this.#clock.nowMs() - startMs < PATIENCE_MS) await this.#pause(failures, signal);
        else this.giveUp();
      }
    }
  }

  #pause(before: number, signal: AbortSignal): Promise<void> {
    return sleepBy(this.#clock, backoffMs(before, PAUSES, this.#random.unit()), signal);
  }

  async #ask(): Promise<C> {
    const requestedMs = this.#clock.wallMs();
    const old = this.#cached?.credentials;
    try {
      const credentials = await this.#provide({ forceRefresh: this.#isRefused });
      const endMs = credentials.expiration?.getTime() ?? Number.POSITIVE_INFINITY;
      this.#cached = { credentials, renewedMs: endMs - (endMs - requestedMs) * RENEWED_SHARE };
      if (endMs === Number.POSITIVE_INFINITY) this.#cached = { credentials, renewedMs: endMs };
      this.#isRefused = false;
      this.#failure = null;
      return credentials;
    } catch (error) {
      // The old credentials are still valid for a while.
      const endMs = old?.expiration?.getTime() ?? 0;
      if (old !== undefined && requestedMs < endMs) {
        this.#cached = { credentials: old, renewedMs: Math.min(requestedMs + REFUSED_MS, endMs) };
        return old;
      }
      this.#failure = { error, atMs: this.#clock.wallMs() };
      throw error;
    }
  }

  /** Returns true within the caching time. A clock that was set back ends it. */
  #isRecent(atMs: number): boolean {
    const sinceMs = this.#clock.wallMs() - atMs;
    return 0 <= sinceMs && sinceMs < REFUSED_MS;
  }
}
