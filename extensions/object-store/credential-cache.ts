import { orAbort, sleepBy } from "../../shared/core/abort.ts";
import { backoffMs } from "../../shared/core/backoff.ts";
import { systemClock, type TimedClock } from "../../shared/core/clock.ts";
import { type Random, systemRandom } from "../../shared/core/random.ts";
import { type TakenBefore, takenHere } from "../../shared/storage/taken-before.ts";

/** By what a store knows who asks; without an end they are good for ever. */
export interface Credentials {
  readonly expiration?: Date;
}

/**
 * Finds credentials, or rejects with what is told to whoever needs them.
 *
 * @param forceRefresh a store does not take those any more that were given last
 */
export type CredentialProvider<C> = (options: { readonly forceRefresh: boolean }) => Promise<C>;

/** Of credentials that last an hour, the last six minutes. */
const RENEWED_SHARE = 0.1;

/**
 * That there are no others is not asked again for so long: a provider looks in files, starts a process or
 * waits seconds for a machine that is not there, and each row may name an object. Longer, and whoever logs in
 * meanwhile would have to wait.
 */
const REFUSED_MS = 30_000;

/**
 * For so long who was let in before asks for credentials, or by them, that are refused: keys are changed in
 * two places one after the other, and what gives tokens is started anew. As long as a worker waits for its
 * coordinator; longer, and nobody would be told of what will not pass.
 */
export const PATIENCE_MS = 60_000;

/** Between two refusals, for all readers together. */
const PAUSES = { firstMs: 500, maxMs: 5_000 };

interface CredentialCacheOptions {
  readonly clock?: TimedClock;
  readonly random?: Random;
  /** Left out: what this cache alone knows. */
  readonly taken?: TakenBefore;
}

/** New ones are asked for, for as long as anybody waits for them. */
interface Asking<C> {
  readonly credentials: Promise<C>;
  readonly over: AbortController;
  waiting: number;
}

/**
 * Credentials, kept until a tenth of their life is left, and asked for once for all that need them: the
 * caches of vendors' libraries ask for each request where they live under five minutes.
 */
export class CredentialCache<C extends Credentials> {
  readonly #provide: CredentialProvider<C>;
  readonly #clock: TimedClock;
  readonly #random: Random;
  #kept: { readonly credentials: C; readonly renewedMs: number } | null = null;
  #asking: Asking<C> | null = null;
  #isRefused = false;
  #failure: { readonly error: unknown; readonly atMs: number } | null = null;
  /** In a row: none were taken since. */
  #refusals = 0;
  readonly #taken: TakenBefore;

  constructor(provide: CredentialProvider<C>, options: CredentialCacheOptions = {}) {
    this.#provide = provide;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    this.#taken = options.taken ?? takenHere();
  }

  /** Monotonic, by which it is patient. */
  nowMs(): number {
    return this.#clock.nowMs();
  }

  /** Whether a store let in whoever asks here, and has not refused for too long since. */
  get wereTaken(): boolean {
    return this.#taken.read();
  }

  /**
   * Where some were refused before, after a pause that is one for all. Rejects as the provider does when
   * there are none, and with the signal's reason; when nobody waits any more, no more is asked.
   */
  async get(signal: AbortSignal): Promise<C> {
    if (this.#kept !== null && this.#clock.wallMs() < this.#kept.renewedMs) return this.#kept.credentials;
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

  /** A store does not take these any more, whatever they say of their life. */
  drop(refused: C): void {
    if (this.#kept?.credentials !== refused) return;
    this.#kept = null;
    this.#isRefused = true;
    this.#refusals += 1;
  }

  /** A store took these. */
  taken(credentials: C): void {
    if (!this.wereTaken) this.#taken.write(true);
    if (this.#kept?.credentials === credentials) this.#refusals = 0;
  }

  /** They were refused for so long that they are as if none had ever been taken: nobody waits any more. */
  giveUp(): void {
    this.#taken.write(false);
    this.#refusals = 0;
  }

  #begin(): Asking<C> {
    const over = new AbortController();
    const credentials = this.#askPatiently(over.signal);
    // Nobody may be there any more to hear that it failed.
    credentials.catch(() => {});
    return { credentials, over, waiting: 0 };
  }

  #end(asking: Asking<C>): void {
    asking.over.abort(new Error("nobody waits for credentials any more"));
    if (this.#asking === asking) this.#asking = null;
  }

  async #askPatiently(signal: AbortSignal): Promise<C> {
    const startMs = this.#clock.nowMs();
    // Others may be there already: the first are asked for at once.
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
    const askedMs = this.#clock.wallMs();
    const old = this.#kept?.credentials;
    try {
      const credentials = await this.#provide({ forceRefresh: this.#isRefused });
      const endMs = credentials.expiration?.getTime() ?? Number.POSITIVE_INFINITY;
      this.#kept = { credentials, renewedMs: endMs - (endMs - askedMs) * RENEWED_SHARE };
      if (endMs === Number.POSITIVE_INFINITY) this.#kept = { credentials, renewedMs: endMs };
      this.#isRefused = false;
      this.#failure = null;
      return credentials;
    } catch (error) {
      // Those that are there are good for a while yet.
      const endMs = old?.expiration?.getTime() ?? 0;
      if (old !== undefined && askedMs < endMs) {
        this.#kept = { credentials: old, renewedMs: Math.min(askedMs + REFUSED_MS, endMs) };
        return old;
      }
      this.#failure = { error, atMs: this.#clock.wallMs() };
      throw error;
    }
  }

  /** A clock that was set back must not make it long. */
  #isRecent(atMs: number): boolean {
    const sinceMs = this.#clock.wallMs() - atMs;
    return 0 <= sinceMs && sinceMs < REFUSED_MS;
  }
}
