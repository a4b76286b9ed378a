import type { Clock } from "../../shared/core/clock.ts";
import type { WorkService } from "../../shared/wire/services.ts";
import type { ShardRunner } from "./shard-runner.ts";

interface IdleExitOptions {
  readonly work: WorkService;
  readonly runner: ShardRunner;
  /** Idle time after which the worker ends. */
  readonly idleMs: number;
  readonly clock: Pick<Clock, "nowMs">;
  /** Called once, when no shard was assigned for the idle time. */
  readonly onIdle: () => void;
}

/**
 * Wraps a service and a runner to detect an idle worker. Only time in which the coordinator replied that it
 * has no work counts. An unreachable coordinator may be moving, and the worker waits for it as usual.
 */
export function idleExit(options: IdleExitOptions): Pick<IdleExitOptions, "work" | "runner"> {
  const { work, runner, idleMs, clock, onIdle } = options;
  let running = 0;
  let isOver = false;
  /**
   * Start of the idle time, with every request answered. Null: a shard runs, a request failed, or nothing was
   * requested yet.
   */
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
        // While a shard runs, the request must not wait much longer than the shard.
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
