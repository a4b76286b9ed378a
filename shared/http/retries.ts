import { fullJitterMs } from "../core/backoff.ts";
import type { PassingFailure } from "./failures.ts";

/** So often in a row is the same asked without getting any further: some five seconds. */
const USUAL_TRIES = 6;
/** A store that throttles wants a second or two; one that is started again, some more. */
const BACKOFF = { firstMs: 200, maxMs: 10_000 };
/** A server that asks for a longer pause gets another worker's next attempt. */
const MOST_AFTER_MS = 30_000;

/**
 * Of one store: what all of its readers together may ask again. A store that is down is not asked for ever by
 * each of them; one that fails now and then has the budget filled by what succeeds.
 */
const MOST_TOKENS = 100;
const TOKENS_OF_SUCCESS = 0.5;

export class RetryBudget {
  #tokens = MOST_TOKENS;

  /** Whether one more may be asked again. */
  take(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  refill(): void {
    this.#tokens = Math.min(MOST_TOKENS, this.#tokens + TOKENS_OF_SUCCESS);
  }
}

/**
 * How long to wait before the same is asked again; null: not any more.
 *
 * @param tries how often it was asked in a row without getting any further
 * @param on.random in [0, 1)
 * @param on.mostTries left out: the usual number
 */
export function waitMsBefore(
  { isStale, afterMs }: Pick<PassingFailure, "isStale" | "afterMs">,
  tries: number,
  {
    budget,
    random,
    mostTries = USUAL_TRIES,
  }: {
    readonly budget: Pick<RetryBudget, "take">;
    readonly random: number;
    readonly mostTries?: number | undefined;
  },
): number | null {
  if (tries >= mostTries) return null;
  // The server does not know of it: it is neither busy nor broken.
  if (isStale && tries === 1) return 0;
  if (!budget.take()) return null;
  return Math.max(fullJitterMs(tries - 1, BACKOFF, random), Math.min(afterMs, MOST_AFTER_MS));
}
