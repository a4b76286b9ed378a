import { backoffMs } from "../../shared/core/backoff.ts";
import type { TimedClock } from "../../shared/core/clock.ts";
import { ERROR_CODES } from "../../shared/core/error-codes.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import type { Random } from "../../shared/core/random.ts";
import { retry } from "../../shared/core/retry.ts";

/**
 * Whether the call that failed with it may be made again as it was: the way failed, not what was said.
 *
 * @param wasLetIn whether the coordinator has let this worker in before
 */
export function mayRepeat(error: unknown, wasLetIn = false): boolean {
  if (!isShardmillError(error)) return false;
  const { call } = ERROR_CODES[error.code];
  return call === "repeat" || (wasLetIn && call === "readmit");
}

interface PersistOptions {
  readonly signal: AbortSignal;
  readonly giveUpMs: number;
  readonly clock: TimedClock;
  readonly random: Random;
  /** As for {@link mayRepeat}. */
  readonly wasLetIn?: boolean;
  /** Reports the first failure, and one a minute of those that follow. */
  readonly onWaiting?: (error: ShardmillError, sinceMs: number) => void;
}

/** For a minute, a coordinator that came back is found within a second. */
const SOON = { forMs: 60_000, maxMs: 800 };
/** After it, many workers must not keep a network or a log busy. */
const LATER_MAX_MS = 10_000;
/** Between two reports of a coordinator that is still away. */
const REPORT_MS = 60_000;

/**
 * Makes a call that is safe to repeat until it goes through, its refusal is final, or `giveUpMs` have passed.
 */
export function persist<T>(call: () => Promise<T>, options: PersistOptions): Promise<T> {
  const { clock, random } = options;
  const startMs = clock.nowMs();
  let reportedMs = Number.NEGATIVE_INFINITY;
  const pauseMs = (error: unknown, failure: number) => {
    options.signal.throwIfAborted();
    const nowMs = clock.nowMs();
    if (!mayRepeat(error, options.wasLetIn) || nowMs - startMs > options.giveUpMs) return null;
    const maxMs = nowMs - startMs < SOON.forMs ? SOON.maxMs : LATER_MAX_MS;
    const waitMs = backoffMs(failure, { firstMs: 200, maxMs }, random.unit());
    if (error instanceof ShardmillError && nowMs - reportedMs >= REPORT_MS) {
      reportedMs = nowMs;
      options.onWaiting?.(error, nowMs - startMs);
    }
    return waitMs;
  };
  return retry(call, pauseMs, options);
}
