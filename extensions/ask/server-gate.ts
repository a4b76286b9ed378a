import { deferred, orAbort } from "../../shared/core/abort.ts";
import type { Clock, Timers } from "../../shared/core/clock.ts";

/** Limits of this thread: its share of the job's. */
export interface GateLimits {
  readonly concurrency: number;
  /** Null: no limit. */
  readonly requestsPerMinute: number | null;
  readonly tokensPerMinute: number | null;
}

/** Right to send one request. Exactly one of its methods is called, once. */
export interface Pass {
  /** The server answered. @param tokens tokens that it counted, 0 if unknown */
  answered(tokens: number): void;
  /** The server is overloaded or unavailable. @param afterMs pause that it requests. Null: none. */
  refused(afterMs: number | null): void;
  /** The request was abandoned. */
  left(): void;
}

/** Pause after the second failure in a row. It doubles with each failure, up to the maximum. */
const FIRST_PAUSE_MS = 1_000;
const MOST_PAUSE_MS = 60_000;

/** Rounds of answered requests in which the limit grows from nothing to all. */
const ROUNDS_TO_GROW = 32;

/**
 * Requests that may be late by this much keep their rate. The rate is lower by the same part of a minute.
 * So no minute has more requests than the limit.
 */
const SLACK_MS = 100;
const MINUTE_MS = 60_000;
const KEPT_RATE = (MINUTE_MS - SLACK_MS) / MINUTE_MS;

/**
 * Limits the requests to a server. First come, first served, but repeated requests go first.
 *
 * ```
 * a failure     halves the limit of concurrent requests, once for all that were under way
 * an answer     lets it grow, by a part of the full limit for each round of requests
 * `Retry-After` pauses all requests
 * two failures in a row, without an answer between them, pause all requests: 1 s, 2 s, 4 s, ... 60 s
 * ```
 */
export class ServerGate {
  readonly #limits: () => GateLimits;
  readonly #clock: Clock & Timers;
  readonly #queue: (() => void)[] = [];
  #atOnce = 0;
  /** Part of the full limit in use. */
  #part = 1;
  /** Requests sent so far, and those when the limit was last cut. */
  #sent = 0;
  #sentAtCut = 0;
  #failures = 0;
  #pausedUntilMs: number;
  #requestsAtMs = 0;
  #tokensAtMs = 0;
  /** Mean tokens of recent requests, assumed for those under way. */
  #meanTokens = 0;
  #answers = 0;
  #callOff: (() => void) | null = null;

  /** @param pauseMs time before the first request */
  constructor(limits: () => GateLimits, clock: Clock & Timers, pauseMs = 0) {
    this.#limits = limits;
    this.#clock = clock;
    this.#pausedUntilMs = clock.nowMs() + pauseMs;
  }

  /** Number of answers so far. A request that fails while others are answered is itself at fault. */
  get answers(): number {
    return this.#answers;
  }

  /** Concurrent requests that are allowed now. */
  get limit(): number {
    return Math.max(1, Math.floor(this.#limits().concurrency * this.#part));
  }

  /** Waits until a request may be sent. @throws the signal's reason */
  async enter(isRepeated: boolean, signal: AbortSignal): Promise<Pass> {
    signal.throwIfAborted();
    const turn = deferred<void>();
    const granted = () => turn.resolve();
    if (isRepeated) this.#queue.unshift(granted);
    else this.#queue.push(granted);
    this.#admit();
    try {
      await orAbort(turn.promise, signal);
    } catch (error) {
      const place = this.#queue.indexOf(granted);
      if (place >= 0) this.#queue.splice(place, 1);
      // Granted in the same turn as the abort.
      else this.#pass().left();
      throw error;
    }
    return this.#pass();
  }

  #pass(): Pass {
    this.#sent += 1;
    const number = this.#sent;
    const assumed = this.#meanTokens;
    const leave = () => {
      this.#atOnce -= 1;
      this.#admit();
    };
    return {
      answered: (tokens) => {
        this.#answers += 1;
        this.#failures = 0;
        this.#part = Math.min(1, this.#part + 1 / (ROUNDS_TO_GROW * this.limit));
        this.#spendTokens(tokens - assumed);
        this.#meanTokens += (tokens - this.#meanTokens) / Math.min(this.#answers, 100);
        leave();
      },
      refused: (afterMs) => {
        this.#spendTokens(-assumed);
        this.#slowDown(number, afterMs);
        leave();
      },
      left: leave,
    };
  }

  #slowDown(number: number, afterMs: number | null): void {
    const nowMs = this.#clock.nowMs();
    let pauseMs = afterMs ?? 0;
    if (number > this.#sentAtCut) {
      this.#sentAtCut = this.#sent;
      const least = 1 / this.#limits().concurrency;
      this.#part = Math.max(least, this.#part / 2);
      this.#failures += 1;
      if (this.#failures > 1)
        pauseMs = Math.max(pauseMs, Math.min(MOST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#failures - 2)));
    }
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, nowMs + pauseMs);
  }

  #admit(): void {
    this.#callOff?.();
    this.#callOff = null;
    while (this.#queue.length > 0 && this.#atOnce < this.limit) {
      const waitMs = this.#waitMs();
      if (waitMs > 0) {
        this.#callOff = this.#clock.after(waitMs, () => this.#admit());
        return;
      }
      this.#spend();
      this.#queue.shift()?.();
    }
  }

  #waitMs(): number {
    const nowMs = this.#clock.nowMs();
    const dueMs = Math.max(this.#requestsAtMs, this.#tokensAtMs) - SLACK_MS;
    return Math.max(0, this.#pausedUntilMs - nowMs, dueMs - nowMs);
  }

  #spend(): void {
    const { requestsPerMinute } = this.#limits();
    this.#atOnce += 1;
    if (requestsPerMinute !== null)
      this.#requestsAtMs =
        Math.max(this.#clock.nowMs(), this.#requestsAtMs) + MINUTE_MS / (requestsPerMinute * KEPT_RATE);
    this.#spendTokens(this.#meanTokens);
  }

  #spendTokens(tokens: number): void {
    const { tokensPerMinute } = this.#limits();
    if (tokensPerMinute === null) return;
    const ms = (tokens * MINUTE_MS) / (tokensPerMinute * KEPT_RATE);
    this.#tokensAtMs = Math.max(this.#clock.nowMs(), this.#tokensAtMs) + ms;
  }
}
