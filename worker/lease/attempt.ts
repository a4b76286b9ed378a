import { sleep } from "../../shared/core/abort.ts";
import { backoffMs } from "../../shared/core/backoff.ts";
import type { TimedClock } from "../../shared/core/clock.ts";
import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import type { Random } from "../../shared/core/random.ts";
import type { Lease } from "../../shared/domain/job.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";

/** Runs one shard to a stored partial. Rejects with a ShardmillError, or with the signal's reason. */
export interface ShardRunner {
  run(
    lease: Lease,
    executionId: string,
    options: { readonly signal: AbortSignal; readonly onProgress: (rowsDone: number) => void },
  ): Promise<PartialManifest>;
}

/** Failures of the way, not of what was said: the same call may be made again. */
export function isTransient(error: unknown): boolean {
  return (
    isShardmillError(error, "COORDINATOR_UNREACHABLE") ||
    isShardmillError(error, "DEADLINE_EXCEEDED") ||
    isShardmillError(error, "RESOURCE_EXHAUSTED")
  );
}

export interface PersistOptions {
  readonly signal: AbortSignal;
  readonly giveUpMs: number;
  readonly clock: TimedClock;
  readonly random: Random;
  readonly onRetry?: (error: ShardmillError, waitMs: number) => void;
}

/**
 * A coordinator that came back is found within a second: a call that is refused costs neither side anything
 * to speak of.
 */
const MOST_WAIT_MS = 800;

/**
 * Makes a call that is safe to repeat until it goes through, its refusal is final, or `giveUpMs` have passed.
 */
export async function persist<T>(call: () => Promise<T>, options: PersistOptions): Promise<T> {
  const { clock, random } = options;
  const startMs = clock.nowMs();
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      options.signal.throwIfAborted();
      if (!isTransient(error) || clock.nowMs() - startMs > options.giveUpMs) throw error;
      const waitMs = backoffMs(attempt, { firstMs: 200, maxMs: MOST_WAIT_MS }, random.unit());
      if (error instanceof ShardmillError) options.onRetry?.(error, waitMs);
      await sleep(waitMs, options.signal, clock);
    }
  }
}
