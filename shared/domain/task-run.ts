import type { JobPhase } from "./job.ts";

/** Tasks of one reduction by key, as their coordinator counts them. */
export interface TaskRun {
  /** Name of the reduction. */
  readonly reduction: string;
  readonly tasks: number;
  readonly done: number;
  /** Tasks that a worker runs, or whose result is being verified. */
  readonly running: number;
  readonly attemptsFailed: number;
  /** Most workers that ran tasks at once. */
  readonly workers: number;
  /** Time since this coordinator offered the tasks to workers. */
  readonly seconds: number;
  /** Rows of the tables that all finished tasks read. */
  readonly rowsRead: number;
  /** Rows that the largest of them read. */
  readonly mostRows: number;
  /** Keys that make tasks uneven, heaviest first. Empty: tasks are even, or their keys were not counted. */
  readonly heavyKeys: readonly HeavyKey[];
}

/** Key with more rows than a usual task reads. */
export interface HeavyKey {
  /** Key for people: `user_id = 17`. */
  readonly key: string;
  readonly rows: number;
}

/** Returns the tasks that workers run now. Null: there are none. */
export function runningTasks({
  phase,
  tasks: runs,
}: {
  readonly phase: JobPhase;
  readonly tasks: readonly TaskRun[];
}): TaskRun | null {
  // A resumed job may have to reduce again for its announced output.
  if (phase !== "reducing" && phase !== "publishing") return null;
  return runs.find(({ done, tasks }) => done < tasks) ?? null;
}
