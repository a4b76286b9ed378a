import { systemClock } from "../core/clock.ts";

/** By what a store knows who asks; without an end they are good for ever. */
interface Credentials {
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
 * Credentials, kept until a tenth of their life is left, and asked for once for all that need them: the
 * caches of vendors' libraries ask for each request where they live under five minutes.
 */
export class CredentialCache<C extends Credentials> {
  readonly #provide: CredentialProvider<C>;
  readonly #nowMs: () => number;
  #kept: { readonly credentials: C; readonly renewedMs: number } | null = null;
  #asking: Promise<C> | null = null;
  #isRefused = false;
  #failure: { readonly error: unknown; readonly atMs: number } | null = null;

  constructor(provide: CredentialProvider<C>, nowMs: () => number = systemClock.wallMs) {
    this.#provide = provide;
    this.#nowMs = nowMs;
  }

  /** Rejects as the provider does when there are none. */
  async get(): Promise<C> {
    if (this.#kept !== null && this.#nowMs() < this.#kept.renewedMs) return this.#kept.credentials;
    if (this.#failure !== null && this.#isRecent(this.#failure.atMs)) throw this.#failure.error;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null;
    });
    return await this.#asking;
  }

  /** A store does not take these any more, whatever they say of their life. */
  drop(refused: C): void {
    if (this.#kept?.credentials !== refused) return;
    this.#kept = null;
    this.#isRefused = true;
  }

  async #ask(): Promise<C> {
    const askedMs = this.#nowMs();
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
      this.#failure = { error, atMs: this.#nowMs() };
      throw error;
    }
  }

  /** A clock that was set back must not make it long. */
  #isRecent(atMs: number): boolean {
    const sinceMs = this.#nowMs() - atMs;
    return 0 <= sinceMs && sinceMs < REFUSED_MS;
  }
}
