import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import { PassingFailure } from "../../shared/http/failures.ts";
import { type CredentialCache, type Credentials, PATIENCE_MS } from "./credential-cache.ts";

/** As who one call asks, however often; and what follows when that is refused. */
export class CallCredentials<C extends Credentials> {
  readonly #cache: CredentialCache<C>;
  readonly #signal: AbortSignal;
  #used: C | null = null;
  /** When they were refused first. */
  #refusedMs: number | null = null;

  constructor(cache: CredentialCache<C>, signal: AbortSignal) {
    this.#cache = cache;
    this.#signal = signal;
  }

  /** Those that were asked by last. */
  get used(): C | null {
    return this.#used;
  }

  async next(): Promise<C> {
    this.#used = await this.#cache.get(this.#signal);
    return this.#used;
  }

  /** They were let in. */
  taken(): void {
    if (this.#used !== null) this.#cache.taken(this.#used);
  }

  /**
   * What follows from a refusal: who was let in before asks again for a while, by new credentials or by the
   * same. Who never was asks once more, where those that it has were good once.
   *
   * @param error what it means otherwise
   * @param hasEnded that they were good once is what the store says
   */
  judge(error: Error, identity: string, hasEnded: boolean): Error {
    const used = this.#used;
    if (used === null || !(hasEnded || isOfCredentials(error))) return askedAs(error, identity);
    const nowMs = this.#cache.nowMs();
    const forMs = nowMs - (this.#refusedMs ?? nowMs);
    const mayAsk = this.#cache.wereTaken ? forMs < PATIENCE_MS : hasEnded && this.#refusedMs === null;
    this.#refusedMs ??= nowMs;
    if (mayAsk) {
      this.#cache.drop(used);
      return new PassingFailure("takes the credentials no more", { isPaced: true });
    }
    if (forMs >= PATIENCE_MS) this.#cache.giveUp();
    return askedAs(error, identity, forMs);
  }
}

/** Whatever is asked for: see the field `variable`. A clock is put right, and not waited for. */
function isOfCredentials(error: Error): boolean {
  if (!isShardmillError(error, "STORE_REFUSED")) return false;
  const { variable } = error.fields;
  return variable !== undefined && variable !== "clock";
}

/**
 * A refusal, with who was refused: else nobody finds out which of many credentials were taken.
 *
 * @param forMs how long it was refused, where it was asked again
 */
function askedAs(error: Error, identity: string, forMs = 0): Error {
  if (!isShardmillError(error, "STORE_REFUSED")) return error;
  const { code, message, fields, hint, cause } = error;
  const seconds = Math.round(forMs / 1_000);
  const again = seconds > 0 ? `, and again for ${seconds} s` : "";
  return new ShardmillError(code, `${message}; asked as ${identity}${again}`, {
    fields: { ...fields, identity, ...(seconds > 0 ? { refusedForSeconds: seconds } : {}) },
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
  });
}
