import type { Clock } from "../../shared/core/clock.ts";
import type { WorkService } from "../../shared/wire/services.ts";
import type { ShardRunner } from "./shard-runner.ts";

interface IdleExitOptions {
  readonly work: WorkService;
  readonly runner: ShardRunner;
  /** So long without a shard is long enough. */
  readonly idleMs: number;
  readonly clock: Pick<Clock, "nowMs">;
  /** Called once: no shard was had for so long. */
  readonly onIdle: () => void;
}

/**
 * The same service and runner, watched for a worker that is to end when there is nothing to do. What counts
 * is the time in which the coordinator answered that it has nothing: one that cannot be reached has perhaps
 * only moved, and is waited for as ever.
 */
export function idleExit(options: IdleExitOptions): Pick<IdleExitOptions, "work" | "runner"> {
  const { work, runner, idleMs, clock, onIdle } = options;
  let running = 0;
  let isOver = false;
  /** Since when nothing runs and every request was answered; null before the first one, and in between. */
  let sinceMs: number | null = null;
  return {
    runner: {
      async run(...args) {
        running += 1;
        sinceMs = null;
        try {
          return await runner.run(...args);
        } finally {
          running -= 1;
        }
      },
    },
    work: {
      ...work,
      async requestLease(session, waitMs, leases, signal) {
        if (running === 0) sinceMs ??= clock.nowMs();
        // What is asked while a shard runs must not wait for long behind it.
        const leftMs = sinceMs === null ? idleMs / 4 : Math.max(0, sinceMs + idleMs - clock.nowMs());
        try {
          const answer = await work.requestLease(session, Math.min(waitMs, leftMs), leases, signal);
          if (answer.kind === "lease") sinceMs = null;
          const isIdle = sinceMs !== null && running === 0 && clock.nowMs() - sinceMs >= idleMs;
          if (answer.kind === "noLease" && isIdle && !isOver) {
            isOver = true;
            onIdle();
          }
          return answer;
        } catch (error) {
          sinceMs = null;
          throw error;
        }
      },
    },
  };
}
