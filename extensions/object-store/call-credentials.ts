import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import { PassingFailure } from "../../shared/http/failures.ts";
import { type CredentialCache, type Credentials, PATIENCE_MS } from "./credential-cache.ts";

/** Credentials of one call over its retries, and the reaction when a store refuses them. */
export class CallCredentials<C extends Credentials> {
  readonly #cache: CredentialCache<C>;
  readonly #signal: AbortSignal;
  #used: C | null = null;
  /** Time of the first refusal. */
  #refusedMs: number | null = null;

  constructor(cache: CredentialCache<C>, signal: AbortSignal) {
    this.#cache = cache;
    this.#signal = signal;
  }

  /** Credentials of the last request. */
  get used(): C | null {
    return this.#used;
  }

  async next(): Promise<C> {
    this.#used = await this.#cache.get(this.#signal);
    return this.#used;
  }

  /** Notes that the store accepted the credentials. */
  taken(): void {
    if (this.#used !== null) this.#cache.taken(this.#used);
  }

  /**
   * Returns the error of a refusal. Credentials that were accepted before are retried for a while, renewed or
   * the same. Others are retried once, if the store reports that they have expired.
   *
   * @param error error without a retry
   * @param hasEnded true when the store reports that the credentials have expired
   */
  judge(error: Error, identity: string, hasEnded: boolean): Error {
    const used = this.#used;
    if (used === null || !(hasEnded || isOfCredentials(error))) return namedAs(error, identity);
    const nowMs = this.#cache.nowMs();
    const forMs = nowMs - (this.#refusedMs ?? nowMs);
    const mayAsk = this.#cache.wereTaken ? forMs < PATIENCE_MS : hasEnded && this.#refusedMs === null;
    this.#refusedMs ??= nowMs;
    if (mayAsk) {
      this.#cache.drop(used);
      return new PassingFailure("no longer accepts the credentials", { isPaced: true });
    }
    if (forMs >= PATIENCE_MS) this.#cache.giveUp();
    return namedAs(error, identity, forMs);
  }
}

/**
 * Returns true when the refusal concerns the credentials: see the field `variable`. A wrong clock is
 * corrected without a wait.
 */
function isOfCredentials(error: Error): boolean {
  if (!isShardmillError(error, "STORE_REFUSED")) return false;
  const { variable } = error.fields;
  return variable !== undefined && variable !== "clock";
}

/**
 * Adds the identity to a refusal, so that the user knows which of several credentials were used.
 *
 * @param forMs duration of the refusals over all retries
 */
function namedAs(error: Error, identity: string, forMs = 0): Error {
  if (!isShardmillError(error, "STORE_REFUSED")) return error;
  const { code, message, fields, hint, cause } = error;
  const seconds = Math.round(forMs / 1_000);
  const again = seconds > 0 ? `, retried for ${seconds} s` : "";
  return new ShardmillError(code, `${message} (requested as ${identity}${again})`, {
    fields: { ...fields, identity, ...(seconds > 0 ? { refusedForSeconds: seconds } : {}) },
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
  });
}
