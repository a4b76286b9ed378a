import { backoffMs } from "../../shared/core/backoff.ts";
import type { TimedClock } from "../../shared/core/clock.ts";
import { ERROR_CODES } from "../../shared/core/error-codes.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import type { Random } from "../../shared/core/random.ts";
import { retry } from "../../shared/core/retry.ts";

/**
 * Checks whether a failed call may be repeated: the connection failed, and not the request.
 *
 * @param wasRegistered true if the coordinator has accepted this worker before
 */
export function mayRepeat(error: unknown, wasRegistered = false): boolean {
  if (!isShardmillError(error)) return false;
  const { call } = ERROR_CODES[error.code];
  return call === "repeat" || (wasRegistered && call === "readmit");
}

interface PersistOptions {
  readonly signal: AbortSignal;
  readonly giveUpMs: number;
  readonly clock: TimedClock;
  readonly random: Random;
  /** See {@link mayRepeat}. */
  readonly wasRegistered?: boolean;
  /** Reports the first failure, and then at most one a minute. */
  readonly onWaiting?: (error: ShardmillError, sinceMs: number) => void;
}

/** Delays of the first minute, which detect a restarted coordinator within a second. */
const SOON = { forMs: 60_000, maxMs: 800 };
/** Later delay. Many workers must not load the network or a log. */
const LATER_MAX_MS = 10_000;
/** Interval of reports about an unreachable coordinator. */
const REPORT_MS = 60_000;

/** Repeats an idempotent call until it succeeds, is finally refused, or `giveUpMs` have passed. */
export function persist<T>(call: () => Promise<T>, options: PersistOptions): Promise<T> {
  const { clock, random } = options;
  const startMs = clock.nowMs();
  let reportedMs = Number.NEGATIVE_INFINITY;
  const pauseMs = (error: unknown, failure: number) => {
    options.signal.throwIfAborted();
    const nowMs = clock.nowMs();
    if (!mayRepeat(error, options.wasRegistered) || nowMs - startMs > options.giveUpMs) return null;
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
