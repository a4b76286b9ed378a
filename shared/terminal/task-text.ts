import { formatCount, formatSeconds } from "../core/units.ts";
import type { HeavyKey, TaskRun } from "../domain/task-run.ts";
import { counted, oneLine } from "./text.ts";

/** Share of the rows in one task from which users read it. */
const MUCH_IN_ONE = 0.1;

/** Describes running tasks: `reducing visits: 12 of 64 tasks, 3 running`. */
export function tasksProgressText({ reduction, done, tasks, running, attemptsFailed }: TaskRun): string {
  const failed = attemptsFailed === 0 ? "" : `, ${counted(attemptsFailed, "failed attempt")}`;
  return `reducing ${oneLine(reduction)}: ${formatCount(done)} of ${counted(tasks, "task")}, ${formatCount(running)} running${failed}`;
}

/** Describes tasks in full: `visits: 64 on 3 workers, 12.3 s`. Names heavy keys. */
export function tasksText(run: TaskRun): string {
  const { reduction, tasks, done, workers, seconds, attemptsFailed, rowsRead, mostRows, heavyKeys } = run;
  const number = done < tasks ? `${formatCount(done)} of ${formatCount(tasks)}` : formatCount(tasks);
  const parts = [
    `${oneLine(reduction)}: ${number} on ${counted(workers, "worker")}`,
    formatSeconds(seconds),
    ...(attemptsFailed === 0 ? [] : [counted(attemptsFailed, "failed attempt")]),
    ...(isUneven(run) ? [`${percent(mostRows, rowsRead)} of the rows in one task`] : []),
    ...heavyKeys.map((key) => heavyKeyText(key, rowsRead)),
  ];
  return parts.join(", ");
}

/** Describes the share of a key: `user_id = 17 has 34 % of the rows`. */
export function heavyKeyText({ key, rows }: HeavyKey, rowsRead: number): string {
  return `${oneLine(key)} has ${percent(rows, rowsRead)} of the rows`;
}

/** Checks whether the largest task read much more than its share. */
function isUneven({ tasks, rowsRead, mostRows }: TaskRun): boolean {
  return mostRows > MUCH_IN_ONE * rowsRead && mostRows * tasks > 2 * rowsRead;
}

function percent(rows: number, total: number): string {
  return `${Math.round((100 * rows) / Math.max(1, total))} %`;
}
