import { systemClock } from "../core/clock.ts";
import { messageOf, ShardmillError } from "../core/errors.ts";

/** With what requests are signed. Never shown nor logged, and sent to nobody but in signatures. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

export type CredentialProvider = (options: { readonly forceRefresh: boolean }) => Promise<S3Credentials>;

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
 * provider's own cache asks for each request where they live under five minutes.
 */
export class CredentialCache {
  readonly #provide: CredentialProvider;
  readonly #nowMs: () => number;
  #kept: { readonly credentials: S3Credentials; readonly renewedMs: number } | null = null;
  #asking: Promise<S3Credentials> | null = null;
  #isRefused = false;
  #failure: { readonly error: ShardmillError; readonly atMs: number } | null = null;

  constructor(provide: CredentialProvider, nowMs: () => number = systemClock.wallMs) {
    this.#provide = provide;
    this.#nowMs = nowMs;
  }

  /** @throws {STORE_REFUSED} when there are none */
  async get(): Promise<S3Credentials> {
    if (this.#kept !== null && this.#nowMs() < this.#kept.renewedMs) return this.#kept.credentials;
    if (this.#failure !== null && this.#isRecent(this.#failure.atMs)) throw this.#failure.error;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null;
    });
    return await this.#asking;
  }

  /** A store does not take these any more, whatever they say of their life. */
  drop(refused: S3Credentials): void {
    if (this.#kept?.credentials !== refused) return;
    this.#kept = null;
    this.#isRefused = true;
  }

  async #ask(): Promise<S3Credentials> {
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
    } catch (cause) {
      // Those that are there are good for a while yet.
      const endMs = old?.expiration?.getTime() ?? 0;
      if (old !== undefined && askedMs < endMs) {
        this.#kept = { credentials: old, renewedMs: Math.min(askedMs + REFUSED_MS, endMs) };
        return old;
      }
      const error = noCredentials(cause);
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

function noCredentials(cause: unknown): ShardmillError {
  return new ShardmillError("STORE_REFUSED", `there are no credentials for S3: ${messageOf(cause)}`, {
    hint: "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a role",
    cause,
  });
}
