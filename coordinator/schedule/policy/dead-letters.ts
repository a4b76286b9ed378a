import type { DeadLetter } from "../../../shared/domain/partial.ts";
import { compareShards, type Shard } from "../../../shared/domain/shard.ts";
import type { Turn } from "../state/event-context.ts";
import type { JobState } from "../state/job-state.ts";
import type { ShardEntry } from "../state/shard-state.ts";
import { failJob } from "./job-end.ts";

/** Whether `more` dead letters on top of those that there are would be too many. */
export function overBudget({ totals, config }: JobState, more: number): boolean {
  return totals.deadRows + more > config.maxDeadRows;
}

/** Fails the job and names a row: `dead` if it is given, else the first dead letter in plan order. */
export function failOverBudget(turn: Turn, dead: DeadLetter | null): void {
  const { state } = turn;
  const { maxDeadRows } = state.config;
  const deadRows = state.totals.deadRows + (dead === null ? 0 : 1);
  const first = dead ?? firstDeadLetter(state);
  const allowed = maxDeadRows === 0 ? "none is allowed" : `${maxDeadRows} are allowed`;
  const example = first === null ? "" : `: ${first.file} row ${first.row}: ${first.message} (${first.code})`;
  const place =
    first === null ? {} : { file: first.file, row: first.row, stage: first.stage, code: first.code };
  failJob(turn, {
    code: "ERROR_BUDGET_EXCEEDED",
    message: `${deadRows} ${deadRows === 1 ? "row" : "rows"} could not be mapped and ${allowed}${example}`,
    fields: { deadRows, maxDeadRows, ...place },
  });
}

/** Looks at every shard: only for a job that fails. */
function firstDeadLetter(state: JobState): DeadLetter | null {
  let first: { shard: Shard; letter: DeadLetter } | null = null;
  for (const entry of state.shards) {
    const letter = deadLetterOf(entry);
    if (letter === null) continue;
    if (first === null || compareShards(entry.shard, first.shard) < 0) first = { shard: entry.shard, letter };
  }
  return first?.letter ?? null;
}

function deadLetterOf({ state }: ShardEntry): DeadLetter | null {
  if (state.kind === "poisoned") return state.deadLetter;
  return state.kind === "committed" ? state.partial.firstDead : null;
}
