import type { Clock } from "../../shared/core/clock.ts";
import type { HeavyKey, TaskRun } from "../../shared/domain/task-run.ts";
import type { JobState } from "../schedule/state/job-state.ts";
import { committedPartials, jobProgress } from "../schedule/state/progress.ts";

/** Tasks of a job's reductions by key, for the job's status. */
export class TaskWatch {
  readonly #runs = new Map<string, () => TaskRun>();
  readonly #heavyKeys = new Map<string, readonly HeavyKey[]>();

  /** Adds the tasks of a reduction, whose shards run again after a damaged partial. */
  begin(reduction: string, read: () => TaskRun): void {
    this.#runs.set(reduction, read);
    this.#heavyKeys.delete(reduction);
  }

  /** Keeps the last counts of tasks that have ended, without their state. */
  end(reduction: string): void {
    const last = this.#runs.get(reduction)?.();
    if (last !== undefined) this.#runs.set(reduction, () => last);
  }

  /** Removes tasks that no worker ran. */
  drop(reduction: string): void {
    this.#runs.delete(reduction);
  }

  noteHeavyKeys(reduction: string, keys: readonly HeavyKey[]): void {
    this.#heavyKeys.set(reduction, keys);
  }

  all(): readonly TaskRun[] {
    return [...this.#runs.values()].map((read) => {
      const run = read();
      return { ...run, heavyKeys: this.#heavyKeys.get(run.reduction) ?? [] };
    });
  }
}

/**
 * Returns the numbers of workers that serve a reducing job by its tasks. Until the workers get another job,
 * their reports name the inner job.
 */
export function workersOfTasks({ phase }: Pick<JobState, "phase">, runs: readonly TaskRun[]): number[] {
  const isReducing = phase.kind === "reducing" || phase.kind === "publishing";
  return isReducing ? runs.map(({ workers }) => workers) : [];
}

/** Counts the tasks of an inner job with this state. `look` is called whenever tasks are assigned. */
export function countTasks(reduction: string, state: JobState, clock: Pick<Clock, "nowMs">) {
  const beganMs = clock.nowMs();
  let workers = 0;
  return {
    look(): void {
      const sessions = new Set([...state.leases.values()].map(({ session }) => session));
      workers = Math.max(workers, sessions.size);
    },
    read(): TaskRun {
      const { shardsTotal, shardsCommitted, shardsLeased, attemptsFailed } = jobProgress(state);
      const rows = committedPartials(state).map(({ rowsReduced }) => rowsReduced);
      return {
        reduction,
        tasks: shardsTotal,
        done: shardsCommitted,
        running: shardsLeased,
        attemptsFailed,
        workers,
        seconds: (clock.nowMs() - beganMs) / 1_000,
        rowsRead: rows.reduce((sum, each) => sum + each, 0),
        mostRows: rows.reduce((most, each) => Math.max(most, each), 0),
        heavyKeys: [],
      };
    },
  };
}
