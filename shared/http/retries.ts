import { fullJitterMs } from "../core/backoff.ts";
import type { PassingFailure } from "./failures.ts";

/** Tries in a row without progress: some five seconds. */
const USUAL_TRIES = 6;
/** Waits between tries. A throttling store needs a second or two, a restarting one some more. */
const BACKOFF = { firstMs: 200, maxMs: 10_000 };
/** Limit of a server's requested pause. After that, another worker's attempt follows. */
const MOST_AFTER_MS = 30_000;

/**
 * Budget of retries that all readers of one store share, which successes refill. The budget limits the load
 * on a store that is down, and allows occasional failures.
 */
const MOST_TOKENS = 100;
const TOKENS_OF_SUCCESS = 0.5;

export class RetryBudget {
  #tokens = MOST_TOKENS;

  /** Takes one retry from the budget. Returns false when none is left. */
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
 * Returns the wait before a retry. Null: no more retries.
 *
 * @param tries tries in a row without progress
 * @param on.random number in [0, 1)
 * @param on.mostTries limit of tries. Default: the usual number.
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
  // The server never received the request: it is neither busy nor broken.
  if (isStale && tries === 1) return 0;
  if (!budget.take()) return null;
  return Math.max(fullJitterMs(tries - 1, BACKOFF, random), Math.min(afterMs, MOST_AFTER_MS));
}
