import { recordOf } from "../../../shared/core/record-of.ts";
import type { DeadLetter, PartialManifest } from "../../../shared/domain/partial.ts";
import { ROW_COUNTS, RUN_COUNTS } from "../../../shared/domain/row-counts.ts";
import type { JobProgress } from "../../../shared/domain/run-facts.ts";
import type { WorkerSession } from "../../../shared/domain/worker.ts";
import { type JobState, plannedShards } from "./job-state.ts";
import { inPlanOrder } from "./shard-state.ts";

/** How far the job is, in O(live leases). */
export function jobProgress(state: JobState): JobProgress {
  const { totals, counts } = state;
  return {
    phase: state.phase.kind,
    rowsTotal: totals.rows,
    rowsPruned: state.rows.pruned,
    rowsSkipped: state.rows.skipped,
    rowsDone: totals.rowsCommitted + counts.poisoned + rowsInFlight(state),
    rowsCommitted: totals.rowsCommitted,
    ...recordOf(RUN_COUNTS, (name) => totals[ROW_COUNTS[name].run.total]),
    deadLetters: totals.deadRows,
    shardsTotal: plannedShards(state),
    shardsCommitted: counts.committed,
    shardsLeased: counts.leased + counts.committing,
    attempts: totals.attempts,
    attemptsFailed: totals.attemptsFailed,
    workers: state.workers.size,
  };
}

/** How many leases a worker session holds. */
export function liveLeases(state: JobState, session: WorkerSession): number {
  return state.workers.get(session)?.leases.size ?? 0;
}

/** The partials that the output is made of, in plan order. */
export function committedPartials(state: JobState): PartialManifest[] {
  return inPlanOrder(state.shards).flatMap(({ state: shard }) =>
    shard.kind === "committed" ? [shard.partial] : [],
  );
}

/** Rows that killed their workers, in plan order; the other dead letters are in the committed partials. */
export function poisonedRows(state: JobState): DeadLetter[] {
  if (state.counts.poisoned === 0) return [];
  return inPlanOrder(state.shards).flatMap(({ state: shard }) =>
    shard.kind === "poisoned" ? [shard.deadLetter] : [],
  );
}

/** Of two leases on one shard only the further one counts; rows that are being verified are done. */
function rowsInFlight(state: JobState): number {
  let rows = 0;
  for (const { partial } of verified(state)) rows += partial.rowsIn;
  for (const lease of state.leases.values()) {
    const { state: shard } = lease.entry;
    if (shard.kind !== "leased") continue;
    const furthest = shard.leases.every((other) => other === lease || outruns(lease, other));
    if (furthest) rows += lease.rowsDone;
  }
  return rows;
}

function* verified(state: JobState) {
  for (const { state: shard } of state.committing) if (shard.kind === "committing") yield shard.offer;
}

/** Ties go to the older lease, so that exactly one is counted. */
function outruns(
  a: { rowsDone: number; token: { sequence: number } },
  b: { rowsDone: number; token: { sequence: number } },
): boolean {
  return a.rowsDone > b.rowsDone || (a.rowsDone === b.rowsDone && a.token.sequence < b.token.sequence);
}
